"""Triggers that wait for the streaming job."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from botocore.exceptions import BotoCoreError, ClientError
from requests.exceptions import RequestException

from pinpipe_airflow.stream_observer import StreamObserver
from pinpipe_airflow.stream_progress import Awaited, Progress, progress
from pinpipe_airflow.stream_state import Wish

REQUEST_TIMEOUT_S = 10

# What passes: a service that does not answer now is asked again at the next look.
_PASSING = (AirflowException, BotoCoreError, ClientError, RequestException)


class StreamRunEndedTrigger(BaseTrigger):
    """Fires when a run of the streaming job has ended, or at a moment.

    :param run_id: the run.
    :param until: ISO 8601 moment at which it is no longer waited for.
    :param databricks_conn_id: the Airflow connection to Databricks.
    :param polling_period_seconds: seconds between two looks.
    """

    def __init__(
        self,
        run_id: int,
        until: str,
        databricks_conn_id: str = "databricks_default",
        polling_period_seconds: float = 5,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.run_id = run_id
        self.until = until
        self.databricks_conn_id = databricks_conn_id
        self.polling_period_seconds = polling_period_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's import path and every argument."""
        return (
            "pinpipe_airflow.triggers.streaming_job.StreamRunEndedTrigger",
            {
                "run_id": self.run_id,
                "until": self.until,
                "databricks_conn_id": self.databricks_conn_id,
                "polling_period_seconds": self.polling_period_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the run has ended; one event ``{"run_id", "ended": bool}``."""
        yield TriggerEvent({"run_id": self.run_id, "ended": await self._ended()})  # type: ignore[no-untyped-call]

    async def _ended(self) -> bool:
        from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

        hook = DatabricksJobHook(self.databricks_conn_id, timeout_seconds=REQUEST_TIMEOUT_S, retry_limit=1)
        # The look-up of the connection blocks: it goes to a thread, off the event loop that all triggers share.
        run_is_active = sync_to_async(hook.run_is_active, thread_sensitive=False)
        until = datetime.fromisoformat(self.until)
        while True:
            try:
                if not await run_is_active(self.run_id):
                    return True
            except _PASSING as error:
                self.log.warning("Databricks does not tell how run %s is: %s", self.run_id, error)
            left_s = (until - datetime.now(UTC)).total_seconds()
            if left_s <= 0:
                return False
            await asyncio.sleep(min(self.polling_period_seconds, left_s))


class StreamProgressTrigger(BaseTrigger):
    """Fires when the streaming job has come as far as waited for, cannot get there, or at a deadline.

    Everything it needs is in its arguments, so another triggerer can go on where one has died. Services that do not
    answer are waited for like a job that is not so far.

    :param job_name: name of the job in the workspace.
    :param bucket: the pipeline's bucket.
    :param streams: names of the Kinesis streams that the job reads.
    :param arrived_before: ISO 8601 moment; records that had arrived by then are to be processed.
    :param deadline: ISO 8601 moment after which it gives up.
    :param run_after: ISO 8601 moment after which the run must have begun; ``None``: any run.
    :param default_wish: the wish where nobody has expressed one.
    :param databricks_conn_id: the Airflow connection to Databricks.
    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region of the streams and the bucket.
    :param poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        job_name: str,
        bucket: str,
        streams: Sequence[str],
        arrived_before: str,
        deadline: str,
        run_after: str | None = None,
        default_wish: Wish = "running",
        databricks_conn_id: str = "databricks_default",
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        poll_interval: float = 5,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_name = job_name
        self.bucket = bucket
        self.streams = streams
        self.arrived_before = arrived_before
        self.deadline = deadline
        self.run_after = run_after
        self.default_wish = default_wish
        self.databricks_conn_id = databricks_conn_id
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's import path and every argument."""
        return (
            "pinpipe_airflow.triggers.streaming_job.StreamProgressTrigger",
            {
                "job_name": self.job_name,
                "bucket": self.bucket,
                "streams": list(self.streams),
                "arrived_before": self.arrived_before,
                "deadline": self.deadline,
                "run_after": self.run_after,
                "default_wish": self.default_wish,
                "databricks_conn_id": self.databricks_conn_id,
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until it is so far; one event ``{"status", "detail", "heartbeat"}``, status also ``timeout``."""
        yield TriggerEvent(await self._outcome())  # type: ignore[no-untyped-call]

    async def _outcome(self) -> dict[str, Any]:
        observer = stream_observer(
            self.bucket,
            self.streams,
            self.default_wish,
            databricks_conn_id=self.databricks_conn_id,
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
        )
        run_after = datetime.fromisoformat(self.run_after) if self.run_after else None
        awaited = Awaited(datetime.fromisoformat(self.arrived_before), run_after)
        deadline = datetime.fromisoformat(self.deadline)
        look = sync_to_async(progress, thread_sensitive=False)
        while True:
            try:
                found = await look(observer, self.job_name, awaited)
            except _PASSING as error:
                found = Progress("waiting", f"it is not told how the stream is: {error}")
            self.log.info("%s: %s", found.status, found.detail)
            if found.status != "waiting":
                return {"status": found.status, "detail": found.detail, "heartbeat": found.heartbeat}
            if datetime.now(UTC) >= deadline:
                return {"status": "timeout", "detail": found.detail, "heartbeat": None}
            await asyncio.sleep(self.poll_interval)


def stream_observer(
    bucket: str,
    streams: Sequence[str],
    default_wish: Wish,
    *,
    databricks_conn_id: str,
    aws_conn_id: str | None,
    region_name: str | None,
) -> StreamObserver:
    """Return an observer whose hooks do not try for long what the next look will try again."""
    from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook
    from pinpipe_airflow.hooks.kinesis_positions import KinesisPositionHook
    from pinpipe_airflow.hooks.stream_control import StreamControlHook

    return StreamObserver(
        jobs=DatabricksJobHook(databricks_conn_id, timeout_seconds=REQUEST_TIMEOUT_S, retry_limit=1),
        control=StreamControlHook(bucket, aws_conn_id=aws_conn_id, region_name=region_name),
        positions=KinesisPositionHook(aws_conn_id=aws_conn_id, region_name=region_name),
        streams=streams,
        default_wish=default_wish,
    )
