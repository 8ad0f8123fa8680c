"""Kinesis streams: what they are like, and how to make them as wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from botocore.exceptions import ClientError

from pinpipe_airflow import aws_tags
from pinpipe_airflow.hooks.patient_aws import PatientAwsHook
from pinpipe_airflow.progress import Progress

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

type StreamMode = Literal["PROVISIONED", "ON_DEMAND"]

ACTIVE, DELETING, GONE = "ACTIVE", "DELETING", "GONE"
SETTLED = "SETTLED"
"""What a stream is that is neither being created nor changed, be it gone."""
# The last is what an endpoint says that does not have the call.
_REFUSALS = ("InvalidArgumentException", "LimitExceededException", "ValidationException", "InvalidAction")


@dataclass(frozen=True)
class Stream:
    """A stream as Kinesis has it.

    :param status: ``CREATING``, ``ACTIVE``, ``UPDATING`` or ``DELETING``.
    :param shards: open shards.
    :param encrypted: whether records are encrypted at rest.
    :param kms_key: the key that encrypts them, as it was given; ``None`` where Kinesis does not tell.
    """

    name: str
    arn: str
    status: str
    mode: StreamMode
    shards: int
    retention_hours: int
    encrypted: bool
    kms_key: str | None

    def has_key(self, kms_key: str) -> bool:
        """Return whether ``kms_key``, an alias, id or ARN, encrypts the stream."""
        return self.encrypted and (self.kms_key is None or _key_name(self.kms_key) == _key_name(kms_key))


class StreamRefusedError(ValueError):
    """A stream cannot be changed as asked; the message names it, what was asked, what Kinesis says, the way out."""


class KinesisStreamHook(PatientAwsHook):
    """Describes, creates and changes streams; what is begun is done once the stream is ``ACTIVE`` again.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "kinesis"

    @property
    def client(self) -> KinesisClient:
        """The boto3 client."""
        return cast("KinesisClient", self.conn)

    def describe(self, name: str) -> Stream | None:
        """Return a stream, ``None`` when there is none of this name."""
        try:
            summary = self.client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        except self.client.exceptions.ResourceNotFoundException:
            return None
        return Stream(
            name=name,
            arn=summary["StreamARN"],
            status=summary["StreamStatus"],
            # Streams of before there were modes have none.
            mode=summary.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED"),
            shards=summary["OpenShardCount"],
            retention_hours=summary["RetentionPeriodHours"],
            encrypted=summary.get("EncryptionType") == "KMS",
            kms_key=summary.get("KeyId"),
        )

    def create(self, name: str, *, mode: StreamMode, shards: int, tags: Mapping[str, str]) -> bool:
        """Begin to create a stream; return ``False`` when it already exists, be it as wanted or not.

        :param shards: of mode ``PROVISIONED``.
        """
        wanted: dict[str, Any] = {"StreamModeDetails": {"StreamMode": mode}}
        if mode == "PROVISIONED":
            wanted["ShardCount"] = shards
        if tags:
            wanted["Tags"] = dict(tags)
        try:
            with _refusing(
                f"stream {name!r} cannot be created ({wanted})",
                "raise the account's quota for Kinesis shards or on-demand streams, or ask for less",
            ):
                self.client.create_stream(StreamName=name, **wanted)
        except self.client.exceptions.ResourceInUseException:
            return False
        return True

    def progress(self, streams: Mapping[str, str]) -> Progress:
        """Return how far streams are that are waited for.

        :param streams: by name, what each is to be: ``ACTIVE``, ``GONE`` or ``SETTLED``.
        """
        now = {name: stream.status if (stream := self.describe(name)) else GONE for name in streams}
        return Progress(
            ", ".join(f"{name} is {status}" for name, status in now.items()),
            done=all(
                status in (ACTIVE, DELETING, GONE) if streams[name] == SETTLED else status == streams[name]
                for name, status in now.items()
            ),
            failed=any(streams[name] == ACTIVE and status in (GONE, DELETING) for name, status in now.items()),
        )

    def set_mode(self, stream: Stream, mode: StreamMode) -> None:
        """Begin to change the capacity mode.

        :raises StreamRefusedError: such as at a third change within 24 hours.
        """
        with _refusing(
            f"stream {stream.name!r} has mode {stream.mode}, {mode} wanted",
            f"set stream_mode to {stream.mode}, or provision again later: AWS lets a stream change its mode twice in "
            "24 hours",
        ):
            self.client.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": mode})

    def set_shards(self, stream: Stream, shards: int) -> None:
        """Begin to change the number of shards, all of one size afterwards.

        :raises StreamRefusedError: such as beyond the account's quota, or at an eleventh change within 24 hours.
        """
        with _refusing(
            f"stream {stream.name!r} has {stream.shards} shards, {shards} wanted",
            f"set stream_shards to {stream.shards}, raise the account's quota for shards, or provision again later: "
            "AWS lets a stream change its shards ten times in 24 hours",
        ):
            self.client.update_shard_count(
                StreamName=stream.name, TargetShardCount=shards, ScalingType="UNIFORM_SCALING"
            )

    def set_retention(self, stream: Stream, hours: int) -> None:
        """Begin to change how long records are kept; what is older is gone at once where it becomes shorter."""
        longer = hours > stream.retention_hours
        client = self.client
        change = client.increase_stream_retention_period if longer else client.decrease_stream_retention_period
        with _refusing(
            f"stream {stream.name!r} keeps records for {stream.retention_hours} hours, {hours} wanted",
            "set stream_retention_hours to 24 to 8760",
        ):
            change(StreamName=stream.name, RetentionPeriodHours=hours)

    def encrypt(self, stream: Stream, kms_key: str) -> None:
        """Begin to have records encrypted with ``kms_key``, an alias, id or ARN.

        :raises StreamRefusedError: when KMS does not let the key be used.
        """
        with _refusing(
            f"stream {stream.name!r} cannot be encrypted with KMS key {kms_key!r}",
            "see the key, its state and its policy in KMS, or set stream_kms_key to alias/aws/kinesis, which is "
            "Kinesis' own, or to none",
        ):
            self.client.start_stream_encryption(StreamName=stream.name, EncryptionType="KMS", KeyId=kms_key)

    def decrypt(self, stream: Stream) -> None:
        """Begin to have records no longer encrypted; those that are stay readable."""
        key = stream.kms_key or "alias/aws/kinesis"
        self.client.stop_stream_encryption(StreamName=stream.name, EncryptionType="KMS", KeyId=key)

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags of a stream."""
        # A page holds 50, which is the most that a stream can have.
        tags: Any = self.client.list_tags_for_stream(StreamName=name, Limit=50)["Tags"]
        return aws_tags.to_dict(tags)

    def add_tags(self, name: str, tags: Mapping[str, str]) -> None:
        """Set ``tags`` of a stream and leave its others alone."""
        self.client.add_tags_to_stream(StreamName=name, Tags=dict(tags))

    def delete(self, name: str) -> str | None:
        """Begin to delete a stream with all its records; return its status, ``None`` when there is no such stream.

        :return: ``DELETING``; another where it is being created or changed: it can be deleted once it is ``ACTIVE``.
        """
        try:
            self.client.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        except self.client.exceptions.ResourceInUseException:
            stream = self.describe(name)
            return stream.status if stream else None
        return DELETING


def _key_name(kms_key: str) -> str:
    """Return a key's id, or its alias, without what makes it an ARN."""
    resource = kms_key.rpartition(":")[2]
    return resource.removeprefix("key/")


@contextmanager
def _refusing(asked: str, way_out: str) -> Iterator[None]:
    """Put what Kinesis refuses into words: what was asked, what it says, the way out."""
    try:
        yield
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in _REFUSALS or code.startswith("KMS"):
            raise StreamRefusedError(f"{asked}: {code}: {message}. Way out: {way_out}") from error
        raise
