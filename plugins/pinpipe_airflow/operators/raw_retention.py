"""The operator that keeps raw objects as long as they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include import layout
from pinpipe_airflow.raw_retention import (
    RAW_RETENTION,
    Removed,
    amount_of,
    days_before,
    first_kept_day,
    reason_to_keep,
    summary,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook
    from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook

DAYS_TOLD = 100


class RawRetentionOperator(BaseOperator):
    """Removes the raw objects of days past their retention, if the whole day is cleaned.

    A day whose raw objects are not all in the manifest of its last cleaning is data that no table holds yet: it stays
    as a whole and is reported. So does a day that is being cleaned. What is removed is told beforehand, in
    ``receipts/raw_retention/latest.json``: a try that died half-way is completed by the next one, which tells of both.

    :param bucket: the pipeline's bucket. (templated)
    :param topics: topics whose raw objects a day's cleaning reads. (templated)
    :param job_name: name of the Databricks job that cleans days, with a parameter ``day``. (templated)
    :param retention_days: days that stay whatever became of them; ``None`` keeps everything.
    :param aws_conn_id: the Airflow connection to AWS.
    :param databricks_conn_id: the Airflow connection to Databricks.
    :return: what was ``removed`` (objects, bytes, days, the oldest and the newest of them, by topic) and which days
        past their retention were ``kept``, with the reason; at most :data:`DAYS_TOLD` of them by name.
    """

    template_fields: Sequence[str] = ("bucket", "topics", "job_name", "aws_conn_id", "databricks_conn_id")

    def __init__(
        self,
        *,
        bucket: str,
        topics: Sequence[str],
        job_name: str,
        retention_days: int | None,
        aws_conn_id: str | None = "aws_default",
        databricks_conn_id: str = "databricks_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.topics = topics
        self.job_name = job_name
        self.retention_days = retention_days
        self.aws_conn_id = aws_conn_id
        self.databricks_conn_id = databricks_conn_id

    @cached_property
    def hook(self) -> ObjectRemovalHook:
        """The hook that talks to S3; imported here, as it brings boto3 along."""
        from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook

        return ObjectRemovalHook(self.bucket, aws_conn_id=self.aws_conn_id)

    @cached_property
    def jobs(self) -> DatabricksJobHook:
        """The hook that talks to Databricks."""
        from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

        return DatabricksJobHook(self.databricks_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Go through the days past the retention, oldest first."""
        removed: Removed = (self.hook.read(RAW_RETENTION) or {"days": {}})["days"]
        kept: list[dict[str, Any]] = []
        for day in self._days():
            being_cleaned = self._being_cleaned(day)
            listed = {topic: list(self.hook.raw_objects(topic, day)) for topic in self.topics}
            together = [stored for objects in listed.values() for stored in objects]
            if reason := being_cleaned or reason_to_keep(together, self.hook.read("clean_batch", day)):
                self.log.warning("The raw objects of %s stay: %s", day, reason)
                size = sum(stored.size for stored in together)
                kept.append({"day": day, "objects": len(together), "bytes": size, "reason": reason})
                continue
            # Of a day that an earlier try has begun, that try has told.
            removed.setdefault(day, {topic: asdict(amount_of(objects)) for topic, objects in listed.items()})
            self.hook.write(RAW_RETENTION, {"job": RAW_RETENTION, "days": removed})
            self.hook.remove(together)
            self.log.info("The raw objects of %s are removed: %d", day, len(together))
        return {
            "retention_days": self.retention_days,
            "removed": summary(removed, self.topics),
            "kept_days": len(kept),
            "kept": kept[:DAYS_TOLD],
        }

    def _being_cleaned(self, day: str) -> str | None:
        """Return why a day is left alone that a run of the job cleans or is going to.

        A run that begins after this has looked lists the day's objects after they are gone, and refuses to clean it.
        """
        runs = self.jobs.unended_runs_with(self.job_name, {"day": day})
        return f"run {runs[0]} of {self.job_name} is cleaning the day, or is going to" if runs else None

    def _days(self) -> list[str]:
        if self.retention_days is None:
            self.log.info("Raw objects are kept for ever (setting raw_retention_days)")
            return []
        first_kept = first_kept_day(datetime.now(UTC).date(), self.retention_days)
        self.log.info("Raw objects are kept from %s on", first_kept)
        folders = (folder for topic in self.topics for folder in self.hook.folders(f"{layout.RAW_ROOT}/{topic}/"))
        return days_before(folders, first_kept)
