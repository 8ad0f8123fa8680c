"""The small objects in S3 by which the streaming job is told what is wanted of it, and by which it tells how it is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from botocore.config import Config
from botocore.exceptions import ClientError

from include import layout
from pinpipe_airflow.hooks.receipt import ReceiptHook
from pinpipe_airflow.stream_checkpoint import Positions, later, latest_commit, positions_in
from pinpipe_airflow.stream_state import Heartbeat

STREAM_JOB = "clean_stream"
SUPERVISOR = "stream_supervisor"

# Longer than any act of a supervisor: what it calls is given up after half of it.
CLAIM_LASTS = timedelta(seconds=60)
_LOOK_S = 1.0
_BRISK = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
_ABSENT = ("NoSuchKey", "NoSuchBucket")
# Of a conditional write: somebody else has written since; somebody else writes at this moment.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_LOST = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")


@dataclass(frozen=True)
class Supervision:
    """The supervisors' receipt, as it was when it was read.

    :param receipt: what it holds; empty where there is none yet.
    :param etag: its ETag, ``None`` where there is none yet.
    """

    receipt: Mapping[str, Any]
    etag: str | None

    def is_claimed(self, now: datetime) -> bool:
        """Whether a supervisor is at work, as far as can be told."""
        until = self.receipt.get("claimed_until")
        return until is not None and datetime.fromisoformat(until) > now


class ClaimLostError(RuntimeError):
    """Another supervisor has acted since this one looked."""


class StreamControlHook(ReceiptHook):
    """Reads the wish, the wanted version and the heartbeat; keeps the supervisors' receipt.

    Takes what :class:`~pinpipe_airflow.hooks.receipt.ReceiptHook` takes.
    """

    @property
    def config(self) -> Config:
        """The client's configuration: it gives up before a claim runs out."""
        return _BRISK.merge(super().config)

    def wish(self) -> dict[str, Any] | None:
        """Return what ``pinpipe stream start`` and ``stop`` wrote: ``{"wish", "at", "by"}``; ``None``: nothing yet.

        It is empty where it cannot be read.
        """
        return self._read(layout.control_key("stream"))[0]

    def wanted_version(self) -> dict[str, Any] | None:
        """Return the version that a running stream is to be of, ``{"version", "at"}``; nothing: any."""
        return self._read(layout.control_key("stream_version"))[0]

    def want_version(self, version: str, at: datetime) -> None:
        """Have every running stream of another version stop by itself."""
        self._write(layout.control_key("stream_version"), {"version": version, "at": at.isoformat()})

    def heartbeat(self) -> dict[str, Any] | None:
        """Return the newest heartbeat of the streaming job, ``None`` when there is none yet, or none to be read."""
        key = layout.receipt_key(STREAM_JOB)
        written = self._read(key)[0]
        if not written:
            return None
        try:
            Heartbeat.read(written)
        except (KeyError, TypeError, ValueError) as error:
            self.log.warning("s3://%s/%s is no heartbeat (%r): %s", self.bucket, key, error, written)
            return None
        return written

    def positions(self, heartbeat: Mapping[str, Any]) -> Positions:
        """Return how far the streaming job is: what it has committed, and what its run has completed since.

        A heartbeat alone tells of what its own run has read, so nothing of a shard to which nothing has come since.

        :param heartbeat: the newest one.
        :raises ValueError: when the checkpoint is of a source that is not known.
        """
        committed = self._committed(heartbeat["epoch"]) if heartbeat.get("epoch") else {}
        return later(committed, heartbeat.get("positions") or {})

    def supervision(self, owner: str) -> Supervision:
        """Return the supervisors' receipt, once no other supervisor is at work.

        Read it before looking at anything else: a claim is granted only if nobody has claimed since.

        :param owner: who asks. What it has claimed itself was claimed by a try that has died.
        """
        while True:
            found, etag = self._read(layout.receipt_key(SUPERVISOR))
            supervision = Supervision(found or {}, etag)
            if supervision.receipt.get("by") == owner or not supervision.is_claimed(datetime.now(UTC)):
                return supervision
            self.log.info("Waiting until %s has acted or its claim has run out", supervision.receipt.get("by"))
            time.sleep(_LOOK_S)

    def claim(self, seen: Supervision, receipt: Mapping[str, Any]) -> Supervision:
        """Keep other supervisors from acting until :meth:`conclude`, at most for :data:`CLAIM_LASTS`.

        :param seen: what was read before deciding to act.
        :param receipt: what is going to be done.
        :raises ClaimLostError: when another supervisor has claimed since.
        """
        until = datetime.now(UTC) + CLAIM_LASTS
        return self._replace(seen, {**receipt, "claimed_until": until.isoformat()})

    def conclude(self, claimed: Supervision, receipt: Mapping[str, Any]) -> Supervision:
        """Leave a receipt and let other supervisors act again.

        :param claimed: the claim, or what was read where nothing was to be done.
        :param receipt: what was done.
        :raises ClaimLostError: when another supervisor has claimed since.
        """
        return self._replace(claimed, {**receipt, "claimed_until": None})

    def _replace(self, seen: Supervision, receipt: Mapping[str, Any]) -> Supervision:
        key = layout.receipt_key(SUPERVISOR)
        written = {"job": SUPERVISOR, **receipt, "write_id": uuid4().hex}
        condition = {"IfMatch": seen.etag} if seen.etag else {"IfNoneMatch": "*"}
        try:
            return Supervision(written, self._write(key, written, **condition))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _LOST:
                raise
            # A write whose answer got lost is sent again, and then finds itself.
            found, etag = self._read(key)
            if found and found.get("write_id") == written["write_id"]:
                return Supervision(written, etag)
            who = (found or {}).get("by", "nobody")
            raise ClaimLostError(f"s3://{self.bucket}/{key} was written meanwhile by {who}") from error

    def _committed(self, epoch: str) -> Positions:
        checkpoint = f"{layout.checkpoint_prefix(STREAM_JOB)}{epoch}"
        commits = self.iter_file_metadata(prefix=f"{checkpoint}/commits/", bucket_name=self.bucket)
        batch = latest_commit(entry["Key"] for entry in commits)
        if batch is None:
            return {}
        key = f"{checkpoint}/offsets/{batch}"
        try:
            return positions_in(self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode())
        except ValueError as error:
            raise ValueError(f"s3://{self.bucket}/{key}: {error}") from error

    def _read(self, key: str) -> tuple[dict[str, Any] | None, str | None]:
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None, None
            raise
        return self._parsed(key, answer["Body"].read()), answer["ETag"]

    def _parsed(self, key: str, body: bytes) -> dict[str, Any]:
        """Return an object's content; nothing where it is no JSON object: what is broken must not keep all else up."""
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        self.log.warning("s3://%s/%s is no JSON object: %r", self.bucket, key, body[:200])
        return {}

    def _write(self, key: str, content: Mapping[str, Any], **condition: Any) -> str:
        body = json.dumps(content, indent=2).encode()
        answer = self.client.put_object(
            Bucket=self.bucket, Key=key, Body=body, ContentType="application/json", **condition
        )
        return answer["ETag"]
