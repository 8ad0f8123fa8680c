"""The Kinesis stream operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from pinpipe_airflow import aws_tags
from pinpipe_airflow.hooks.kinesis_stream import ACTIVE, KinesisStreamHook, Stream, StreamMode, StreamRefusedError
from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator
from pinpipe_airflow.operators.provisioning import ProvisioningOperator
from pinpipe_airflow.provisioning_step import Step

if TYPE_CHECKING:
    from airflow.sdk import Context

NO_KEY = "none"
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
CREATING_AT_ONCE = 5


class KinesisStreamOperator(AwsWaitingOperator, ProvisioningOperator):
    """Makes streams as wanted: creates them, and changes mode, shards, retention, encryption and tags that differ.

    All streams are compared before the first is changed, so a refusal leaves everything as it was. A change is begun
    for all of them before the triggerer waits until they are ``ACTIVE`` again. A task that ends before is taken up by
    the next, which waits for what was begun.

    :param streams: names of the streams, all of one kind. (templated)
    :param stream_mode: capacity mode, ``PROVISIONED`` or ``ON_DEMAND``.
    :param shards: shards of each stream of mode ``PROVISIONED``; one change can at most double or halve them.
    :param retention_hours: how long records are kept, 24 to 8760 hours.
    :param kms_key: KMS key that encrypts records at rest: an alias, id or ARN; ``none`` leaves them open. (templated)
    :param tags: tags that each stream gets; others that it has stay. (templated)
    :param wait_timeout: seconds for everything together: mode, shards, retention and key are changed one after the
        other, and AWS reckons with 30 s for each split or merge of a shard, which may take part in two
        (https://aws.amazon.com/kinesis/data-streams/faqs/).
    :return: a receipt ``{"changed": bool, "streams": {name: [what was done, …]}}``.
    :raises pinpipe_airflow.hooks.kinesis_stream.StreamRefusedError: when a stream cannot be made as wanted.
    :raises TimeoutError: when a stream does not become ``ACTIVE``.
    :raises RuntimeError: when it is deleted meanwhile.
    """

    template_fields: Sequence[str] = ("streams", "kms_key", "tags", "aws_conn_id", "region_name")
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json"}

    def __init__(
        self,
        *,
        streams: Sequence[str],
        stream_mode: StreamMode = "PROVISIONED",
        shards: int = 1,
        retention_hours: int = 24,
        kms_key: str = "alias/aws/kinesis",
        tags: Mapping[str, str] | None = None,
        wait_timeout: float = 9_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.streams = streams
        self.stream_mode = stream_mode
        self.shards = shards
        self.retention_hours = retention_hours
        self.kms_key = kms_key
        self.tags = tags

    @cached_property
    def hook(self) -> KinesisStreamHook:
        """The hook that talks to Kinesis."""
        return KinesisStreamHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def plan(self) -> list[str]:
        """Return which would be created, and which changed in what."""
        planned = []
        for name in self.streams:
            stream = self.hook.describe(name)
            if stream is None:
                planned.append(f"create stream {name} with {self._capacity()}")
                continue
            self._refuse_deleted(stream)
            if stream.status != ACTIVE:
                planned.append(f"change stream {name}: it is {stream.status}, what differs shows afterwards")
                continue
            self._refuse_to_leap(stream)
            changes = [change.text for compare in self._comparisons if (change := compare(stream)) is not None]
            changes += [f"tag {key}={value}" for key, value in self._different_tags(name).items()]
            planned += [f"change stream {name}: {change}" for change in changes]
        return planned

    def apply(self, context: Context) -> dict[str, Any]:
        """Compare, then create what is missing and change what differs."""
        return self._go_on({name: [] for name in self.streams}, started=datetime.now(UTC).isoformat())

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, *, done: dict[str, list[str]], started: str
    ) -> dict[str, Any]:
        """See that what was begun is done; then go on with what is left."""
        self.refuse_unless_done(
            event,
            f"waiting for the streams {', '.join(self.streams)}",
            "See them in the Kinesis console, then run this task again",
        )
        return self._go_on(done, started)

    def _go_on(self, done: dict[str, list[str]], started: str) -> dict[str, Any]:
        """Begin the next step of every stream and wait for all of them, until there is none."""
        # What Kinesis has said, and may not show yet: that somebody else has made a stream, or changes it.
        made_by_others: set[str] = set()
        changed_by_others: set[str] = set()
        while True:
            streams = self._compared()
            busy = [
                name
                for name, stream in streams.items()
                if name in changed_by_others
                or (stream.status != ACTIVE if stream else name in made_by_others or done[name])
            ]
            if busy:
                self.wait_for(
                    self.hook, {"streams": dict.fromkeys(busy, ACTIVE)}, since=started, done=done, started=started
                )
            missing = [name for name, stream in streams.items() if stream is None][:CREATING_AT_ONCE]
            if missing:
                made_by_others |= self._create(missing, done)
                continue
            changed, at_it = self._change([stream for stream in streams.values() if stream], done)
            if not changed:
                break
            changed_by_others |= at_it
        for name in self.streams:
            for action in self._set_tags(name):
                self._note(done, name, action)
            if not done[name]:
                self.log.info("Stream %s already exists as wanted", name)
        return {"changed": any(done.values()), "streams": done}

    def _note(self, done: dict[str, list[str]], name: str, action: str) -> None:
        self.log.info("Stream %s: %s", name, action)
        done[name].append(action)

    def _compared(self) -> dict[str, Stream | None]:
        """Return the streams as they are, none of which is to be refused."""
        streams = {name: self.hook.describe(name) for name in self.streams}
        for stream in filter(None, streams.values()):
            self._refuse_deleted(stream)
            # One that is being created or changed has a number of shards that is not its last.
            if stream.status == ACTIVE:
                self._refuse_to_leap(stream)
        return streams

    def _create(self, names: Sequence[str], done: dict[str, list[str]]) -> set[str]:
        """Begin to create streams; return those that somebody else was quicker to create."""
        others = set()
        for name in names:
            if self.hook.create(name, mode=self.stream_mode, shards=self.shards, tags=self.tags or {}):
                self._note(done, name, f"created with {self._capacity()}")
            else:
                others.add(name)
        return others

    def _change(self, streams: Sequence[Stream], done: dict[str, list[str]]) -> tuple[bool, set[str]]:
        """Begin the first change that some streams need, of all that need it.

        :return: whether there was one, and the streams that somebody else is changing.
        """
        for compare in self._comparisons:
            # What has been done once is not done again, should Kinesis still tell how it was before.
            changes = {
                stream.name: change
                for stream in streams
                if (change := compare(stream)) is not None and change.text not in done[stream.name]
            }
            at_it = set()
            for name, change in changes.items():
                try:
                    change.do()
                except self.hook.client.exceptions.ResourceInUseException:
                    at_it.add(name)
                else:
                    self._note(done, name, change.text)
            if changes:
                return True, at_it
        return False, set()

    @property
    def _comparisons(self) -> tuple[Callable[[Stream], Step | None], ...]:
        """What is compared, in the order in which it is changed; each gives what it is to be, and how to begin it."""
        return self._other_mode, self._other_count, self._other_retention, self._other_encryption

    def _other_mode(self, stream: Stream) -> Step | None:
        if stream.mode == self.stream_mode:
            return None
        return Step(f"mode {stream.mode} -> {self.stream_mode}", lambda: self.hook.set_mode(stream, self.stream_mode))

    def _other_count(self, stream: Stream) -> Step | None:
        if not self._other_shards(stream):
            return None
        return Step(f"shards {stream.shards} -> {self.shards}", lambda: self.hook.set_shards(stream, self.shards))

    def _other_retention(self, stream: Stream) -> Step | None:
        hours = self.retention_hours
        if stream.retention_hours == hours:
            return None
        return Step(
            f"retention {stream.retention_hours} -> {hours} hours", lambda: self.hook.set_retention(stream, hours)
        )

    def _other_encryption(self, stream: Stream) -> Step | None:
        if self.kms_key == NO_KEY:
            return Step("encryption stopped", lambda: self.hook.decrypt(stream)) if stream.encrypted else None
        if stream.has_key(self.kms_key):
            return None
        return Step(f"encryption with {self.kms_key}", lambda: self.hook.encrypt(stream, self.kms_key))

    def _set_tags(self, name: str) -> list[str]:
        different = self._different_tags(name)
        if different:
            self.hook.add_tags(name, different)
        return [f"tag {key}={value}" for key, value in different.items()]

    def _different_tags(self, name: str) -> dict[str, str]:
        return aws_tags.different(self.tags, self.hook.tags(name)) if self.tags else {}

    def _refuse_deleted(self, stream: Stream) -> None:
        if stream.status == "DELETING":
            raise StreamRefusedError(
                f"stream {stream.name!r} is DELETING, ACTIVE wanted: it cannot be kept; run this task again when it is "
                "gone, which makes a new one"
            )

    def _refuse_to_leap(self, stream: Stream) -> None:
        """Refuse more than AWS changes in one call, which it would refuse after other streams were changed.

        Source: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
        """
        fewest, most = -(-stream.shards // 2), 2 * stream.shards
        if self._other_shards(stream) and not fewest <= self.shards <= most:
            raise StreamRefusedError(
                f"stream {stream.name!r} has {stream.shards} shards, {self.shards} wanted: AWS at most doubles or "
                f"halves them at once; set stream_shards to {fewest} to {most}, provision, and go on from there"
            )

    def _other_shards(self, stream: Stream) -> bool:
        return self.stream_mode == "PROVISIONED" and stream.shards != self.shards

    def _capacity(self) -> str:
        return "on-demand capacity" if self.stream_mode == "ON_DEMAND" else f"{self.shards} shards"
