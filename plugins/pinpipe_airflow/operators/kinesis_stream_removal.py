"""The operator that removes Kinesis streams."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook


class KinesisStreamRemovalOperator(AwsWaitingOperator):
    """Deletes streams with the records that they hold; one that is not there is left at that.

    Kinesis deletes none that is being created or changed: the triggerer waits for that first, then until all are gone.

    :param streams: names of the streams. (templated)
    :param wait_timeout: seconds for everything together; a change of many shards, which comes first, takes hours.
    :return: a receipt ``{"removed": [names]}``.
    :raises TimeoutError: when a stream is not gone in time.
    """

    template_fields: Sequence[str] = ("streams", "aws_conn_id", "region_name")

    def __init__(self, *, streams: Sequence[str], wait_timeout: float = 9_000, **kwargs: Any) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.streams = streams

    @cached_property
    def hook(self) -> KinesisStreamHook:
        """The hook that talks to Kinesis."""
        from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook

        return KinesisStreamHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete them, then wait."""
        return self._go_on([], started=datetime.now(UTC).isoformat())

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, *, removed: list[str], started: str
    ) -> dict[str, Any]:
        """See how far it is; delete those that could not be deleted before."""
        self.refuse_unless_done(
            event,
            f"deleting the streams {', '.join(self.streams)}",
            "See them in the Kinesis console, then run this task again",
        )
        return self._go_on(removed, started)

    def _go_on(self, removed: list[str], started: str) -> dict[str, Any]:
        from pinpipe_airflow.hooks.kinesis_stream import DELETING, GONE, SETTLED

        while wanted := {
            name: GONE if status == DELETING else SETTLED
            for name in self.streams
            if (status := self.hook.delete(name)) is not None
        }:
            removed = list(dict.fromkeys([*removed, *wanted]))
            # What could not be deleted is waited for though it may look settled: Kinesis tells a change a little late.
            if SETTLED in wanted.values() or not self.hook.progress(wanted).done:
                self.wait_for(self.hook, {"streams": wanted}, since=started, removed=removed, started=started)
        self.log.info("Streams deleted: %s", ", ".join(removed) or "none, there was none")
        return {"removed": removed}
