"""The operator that stops the streaming job for good."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.databricks_job_removal import DatabricksJobRemovalHook
    from pinpipe_airflow.hooks.kinesis_positions import KinesisPositionHook
    from pinpipe_airflow.hooks.stream_wish import StreamWishHook

CANCELLED_WITHIN_S = 60.0


class StreamStopOperator(BaseOperator):
    """Lets the streaming job read what waits in its streams, then stops it and sees that it is gone.

    The wish tells the run to end its present micro-batch, and any supervisor to leave it at that; the job is paused
    before the run has seen the wish, so that none follows. A run that does not stop is cancelled, which loses nothing:
    what it had not committed is still in the streams.

    :param pipeline_id: value of the job's tag ``pipeline``. (templated)
    :param job_name: name of the job. (templated)
    :param streams: names of the streams that it reads. (templated)
    :param bucket: the pipeline's bucket. (templated)
    :param read_first: seconds in which a running job may read what waits; 0 where it is not to.
    :param stop_timeout: seconds that it may take to stop by itself.
    :param poll_interval: seconds between two looks at it.
    :param by: who wishes it, as the wish says.
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param region_name: AWS region of the streams.
    :return: a receipt: whether there was such a ``job``, how many runs were ``cancelled``, and since when records wait
        that it has not read (``unread_since``; ``None``: none, or it was not asked).
    :raises TimeoutError: when a cancelled run does not end.
    """

    template_fields: Sequence[str] = (
        "pipeline_id",
        "job_name",
        "streams",
        "bucket",
        "read_first",
        "databricks_conn_id",
        "aws_conn_id",
    )

    def __init__(
        self,
        *,
        pipeline_id: str,
        job_name: str,
        streams: Sequence[str],
        bucket: str,
        read_first: float | str,
        stop_timeout: float,
        by: str,
        poll_interval: float = 5.0,
        databricks_conn_id: str = "databricks_default",
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_id = pipeline_id
        self.job_name = job_name
        self.streams = streams
        self.bucket = bucket
        self.read_first = read_first
        self.stop_timeout = stop_timeout
        self.by = by
        self.poll_interval = poll_interval
        self.databricks_conn_id = databricks_conn_id
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def jobs(self) -> DatabricksJobRemovalHook:
        """The hook that talks to Databricks."""
        from pinpipe_airflow.hooks.databricks_job_removal import DatabricksJobRemovalHook

        return DatabricksJobRemovalHook(self.databricks_conn_id)

    @cached_property
    def control(self) -> StreamWishHook:
        """The hook for wish and heartbeat."""
        from pinpipe_airflow.hooks.stream_wish import StreamWishHook

        return StreamWishHook(self.bucket, aws_conn_id=self.aws_conn_id)

    @cached_property
    def positions(self) -> KinesisPositionHook:
        """The hook that asks the streams what waits in them."""
        from pinpipe_airflow.hooks.kinesis_positions import KinesisPositionHook

        return KinesisPositionHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Let it read, wish it stopped, pause it, wait; cancel what is left."""
        jobs = self.jobs.jobs_of(self.pipeline_id, [self.job_name])
        unread_since = self._let_it_read(jobs) if float(self.read_first) else None
        cancelled = 0
        for job_id in jobs:
            self.control.wish_stopped(self.by)
            self.jobs.pause(job_id)
            if not self._ended_within(self.stop_timeout, job_id):
                cancelled += self._cancel(job_id)
            self.log.info("Job %s (%s) is paused, and has no active run", self.job_name, job_id)
        if not jobs:
            self.log.info("There is no job %s of this pipeline", self.job_name)
        return {"job": bool(jobs), "cancelled": cancelled, "unread_since": unread_since and unread_since.isoformat()}

    def _let_it_read(self, jobs: Mapping[int, str]) -> datetime | None:
        """Return since when records wait, once none does, nobody reads them, or the time is over."""
        deadline = time.monotonic() + float(self.read_first)
        while waiting := self._waiting_since():
            reads = any(self.jobs.unended_runs(job_id) for job_id in jobs)
            if not reads or time.monotonic() >= deadline:
                self.log.warning("Records that wait in the streams since %s will not be read any more", waiting)
                return waiting
            self.log.info("Records wait since %s; the job may read them", waiting)
            time.sleep(self.poll_interval)
        return None

    def _waiting_since(self) -> datetime | None:
        return self.positions.waiting_since(self.streams, self.control.positions(self.control.heartbeat() or {}))

    def _cancel(self, job_id: int) -> int:
        runs = self.jobs.unended_runs(job_id)
        self.log.warning("Job %s did not stop within %g s: it is cancelled", self.job_name, self.stop_timeout)
        self.jobs.cancel_all_runs(job_id)
        if not self._ended_within(CANCELLED_WITHIN_S, job_id):
            raise TimeoutError(
                f"runs {[run['run_id'] for run in runs]} of job {self.job_name!r} do not end {CANCELLED_WITHIN_S:g} s "
                "after they were cancelled: see their pages in Databricks, then clear this task"
            )
        return len(runs)

    def _ended_within(self, seconds: float, job_id: int) -> bool:
        deadline = time.monotonic() + seconds
        while self.jobs.unended_runs(job_id):
            if time.monotonic() >= deadline:
                return False
            time.sleep(self.poll_interval)
        return True
