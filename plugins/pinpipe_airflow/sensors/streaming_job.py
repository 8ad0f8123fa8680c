"""The sensor that waits for the streaming job."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from pinpipe_airflow.stream_progress import Awaited, Progress, progress
from pinpipe_airflow.stream_state import Wish
from pinpipe_airflow.triggers.streaming_job import StreamProgressTrigger, stream_observer

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.stream_observer import StreamObserver


class StreamProgressSensor(BaseSensorOperator):
    """Waits until the streaming job has processed every record that its streams hold now.

    What counts is fixed at the first look: records that arrive later do not prolong the wait. A stream without
    records to read counts as soon as a run of the job gives a sign of life.

    The wait ends early where it is of no use: it is skipped once the stream is to be stopped, and fails once runs have
    failed one after the other.

    :param job_name: name of the job in the workspace. (templated)
    :param bucket: the pipeline's bucket. (templated)
    :param streams: names of the Kinesis streams that the job reads. (templated)
    :param run_after: ISO 8601 moment after which the run must have begun; empty or ``None``: any run. (templated)
    :param default_wish: the wish where nobody has expressed one, ``running`` or ``stopped``. (templated)
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param region_name: AWS region of the streams and the bucket. (templated)
    :param poke_interval: seconds between two looks, 5 or more.
    :param timeout: seconds to wait, counted from the first look.
    :param deferrable: whether the triggerer waits; otherwise the worker does.
    :return: the heartbeat that told of it.
    :raises AirflowSensorTimeout: says what was still missing.
    :raises AirflowSkipException: when the stream is to be stopped.
    :raises AirflowFailException: when its runs fail, with the last one's reason.
    """

    template_fields: Sequence[str] = (
        "job_name",
        "bucket",
        "streams",
        "run_after",
        "default_wish",
        "databricks_conn_id",
        "aws_conn_id",
        "region_name",
    )

    def __init__(
        self,
        *,
        job_name: str,
        bucket: str,
        streams: Sequence[str],
        run_after: str | None = None,
        default_wish: Wish = "running",
        databricks_conn_id: str = "databricks_default",
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        poke_interval: float = 5,
        timeout: float = 1800,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, mode="poke", **kwargs)
        self.job_name = job_name
        self.bucket = bucket
        self.streams = streams
        self.run_after = run_after
        self.default_wish = default_wish
        self.databricks_conn_id = databricks_conn_id
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.deferrable = deferrable
        self._now: datetime | None = None

    @cached_property
    def observer(self) -> StreamObserver:
        """Where the job is looked at."""
        return stream_observer(
            self.bucket,
            self.streams,
            self.default_wish,
            databricks_conn_id=self.databricks_conn_id,
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
        )

    def execute(self, context: Context) -> Any:
        """Look once; leave the rest to the trigger."""
        if not self.deferrable:
            return super().execute(context)
        now = datetime.now(UTC)
        found = self._look(now)
        if found.status == "waiting":
            self.defer(
                trigger=StreamProgressTrigger(
                    job_name=self.job_name,
                    bucket=self.bucket,
                    streams=self.streams,
                    arrived_before=now.isoformat(),
                    deadline=(now + timedelta(seconds=float(self.timeout))).isoformat(),
                    run_after=self.run_after or None,
                    default_wish=self.default_wish,
                    databricks_conn_id=self.databricks_conn_id,
                    aws_conn_id=self.aws_conn_id,
                    region_name=self.region_name,
                    poll_interval=float(self.poke_interval),
                ),
                method_name="execute_complete",
            )
        return self._outcome(found.status, found.detail, found.heartbeat)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Return the heartbeat, or say why it has not come so far."""
        return self._outcome(event["status"], event["detail"], event["heartbeat"])

    def poke(self, context: Context) -> PokeReturnValue:
        """Look from the worker, when the sensor is not deferrable."""
        self._now = self._now or datetime.now(UTC)
        found = self._look(self._now)
        if found.status == "waiting":
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._outcome(found.status, found.detail, found.heartbeat))

    def _look(self, now: datetime) -> Progress:
        run_after = datetime.fromisoformat(self.run_after) if self.run_after else None
        found = progress(self.observer, self.job_name, Awaited(now, run_after))
        self.log.info("%s: %s", found.status, found.detail)
        return found

    def _outcome(self, status: str, detail: str, heartbeat: Any) -> Any:
        if status == "reached":
            self.log.info("The stream has processed %s", detail)
            return heartbeat
        if status == "unwished":
            raise AirflowSkipException(detail)
        if status == "failed":
            raise AirflowFailException(f"{detail}; mend that, then run the DAG stream_supervisor")
        raise AirflowSensorTimeout(
            f"job {self.job_name!r} has not processed what its streams held {float(self.timeout):g} s ago: {detail}; "
            "see the job's run and its driver log, then clear this task"
        )
