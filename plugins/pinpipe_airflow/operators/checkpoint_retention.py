"""The operator that removes checkpoints of streams that are no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include import layout

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook


class CheckpointRetentionOperator(BaseOperator):
    """Removes checkpoints of epochs other than the one in use, so many days after the last write.

    Each epoch is of streams made at other times: no query can go on from a checkpoint of an earlier one. Which epoch is
    in use, the job's heartbeat says; while it names none, everything stays.

    :param bucket: the pipeline's bucket. (templated)
    :param job: the streaming job, ``clean_stream``. (templated)
    :param retention_days: days since the last write to an epoch's checkpoint.
    :param aws_conn_id: the Airflow connection to AWS.
    :return: ``current`` epoch, ``removed`` (by epoch: objects, bytes and when it was last written) and ``kept`` epochs.
    """

    template_fields: Sequence[str] = ("bucket", "job", "aws_conn_id")

    def __init__(
        self, *, bucket: str, job: str, retention_days: int, aws_conn_id: str | None = "aws_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.job = job
        self.retention_days = retention_days
        self.aws_conn_id = aws_conn_id

    @cached_property
    def hook(self) -> ObjectRemovalHook:
        """The hook that talks to S3; imported here, as it brings boto3 along."""
        from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook

        return ObjectRemovalHook(self.bucket, aws_conn_id=self.aws_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at each epoch's checkpoint."""
        written_since = datetime.now(UTC) - timedelta(days=self.retention_days)
        root = layout.checkpoint_prefix(self.job)
        current = (self.hook.read(self.job) or {}).get("epoch")
        kept: list[str] = []
        removed: dict[str, dict[str, Any]] = {}
        for epoch in self.hook.folders(root):
            last_write = max(stored.modified for stored in self.hook.objects(f"{root}{epoch}/") if stored.modified)
            if current in (None, epoch) or last_write >= written_since:
                kept.append(epoch)
                continue
            gone = self.hook.remove(self.hook.objects(f"{root}{epoch}/"))
            removed[epoch] = {**asdict(gone), "last_write": last_write.isoformat()}
            self.log.info("The checkpoint of epoch %s, last written at %s, is removed: %s", epoch, last_write, gone)
        self.log.info("Checkpoints of %s that stay: %s; in use: %s", self.job, ", ".join(kept) or "none", current)
        return {"retention_days": self.retention_days, "current": current, "removed": removed, "kept": kept}
