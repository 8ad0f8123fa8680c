"""What is wanted of the streaming job, as control objects in S3 tell it."""

from __future__ import annotations

import json
import logging
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from include import layout

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WISH = "stream"
WANTED_VERSION = "stream_version"

log = logging.getLogger(__name__)


class TakenOverError(RuntimeError):
    """Another run of the job is at work on the same tables, and began later."""


class StreamControl:
    """Reads the wish and the wanted version.

    A job that was started is meant to run: where no wish is stored it does, whatever the setting ``stream_wish`` says,
    which decides whether the job is started.

    :param s3: a client with short time-outs.
    :param bucket: where the control objects are.
    :param version: what this run is, see :func:`include.job_definitions.definition_version`.
    """

    def __init__(self, s3: S3Client, bucket: str, version: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._version = version
        self._lock = Lock()
        self.stop = Event()
        self.because: str | None = None  # why to stop, once ``stop`` is set
        self.at_once = False  # not even the present micro-batch is to be completed

    def look(self) -> None:
        """Set ``stop`` if the job is to stop; it stays set, whatever is wished later."""
        if not self.stop.is_set() and (because := self._reason()):
            self.end(because)

    def end(self, because: str) -> None:
        """Set ``stop``, of which the first reason is kept."""
        with self._lock:
            self.because = self.because or because
        self.stop.set()

    def give_way(self, run_id: str) -> None:
        """Set ``stop`` at once, as another run has taken over."""
        with self._lock:
            self.at_once, self.because = True, f"run {run_id} took over"
        self.stop.set()

    def raise_if_taken_over(self) -> None:
        """Raise where another run has taken over.

        :raises TakenOverError: names it.
        """
        if self.at_once:
            raise TakenOverError(self.because)

    def _reason(self) -> str | None:
        wish = self._read(WISH)
        if wish.get("wish") == "stopped":
            return f"the wish is 'stopped', by {wish.get('by')} at {wish.get('at')}"
        wanted = self._read(WANTED_VERSION).get("version")
        if wanted and wanted != self._version:
            return f"version {wanted} is wanted, this is {self._version}"
        return None

    def _read(self, name: str) -> dict[str, Any]:
        """Return a control object; nothing where there is none or it cannot be read."""
        key = layout.control_key(name)
        try:
            content = json.loads(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        except self._s3.exceptions.NoSuchKey:
            return {}
        except (BotoCoreError, ClientError, OSError, ValueError) as error:
            log.warning("s3://%s/%s was not read: %s", self._bucket, key, error)
            return {}
        if not isinstance(content, dict):
            log.warning("s3://%s/%s is no JSON object: %r", self._bucket, key, content)
            return {}
        return content
