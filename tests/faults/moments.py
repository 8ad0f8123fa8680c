"""The moments at which components are killed: conditions that say that an activity is in its midst."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from botocore.exceptions import BotoCoreError
from confluent_kafka import KafkaException

from include import layout
from include.settings import settings
from pinpipe_cli.airflow_api import AirflowApiError
from tests.world import World

BUCKET = "pinpipe-local"
LOOK_EVERY_S = 0.02
# What questions end with while the component that they are asked of is away.
AWAY = (AirflowApiError, requests.RequestException, KafkaException, BotoCoreError)

_RAW_KEY = re.compile(r".*/([^/+]+)\+(\d+)\+(\d+)\.json")
_CHECKPOINT_KEY = re.compile(r"(.*)/(offsets|commits)/(\d+)")

Condition = Callable[[], bool]


class MissedError(AssertionError):
    """The activity was over before its moment was seen."""


def await_moment(
    has_come: Condition,
    is_over: Condition,
    *,
    within_s: float,
    look_every_s: float = LOOK_EVERY_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return as soon as the moment has come.

    :param is_over: asked about once a second, after the moment.
    :param within_s: how long to look, in seconds.
    :param look_every_s: pause between two looks, in seconds.
    :raises MissedError: when the activity is over, or the moment did not come in time.
    """
    began = asked = clock()
    while not has_come():
        now = clock()
        if now - asked >= 1:
            asked = now
            if is_over():
                raise MissedError("it was over before its moment had come")
        if now - began > within_s:
            raise MissedError(f"its moment did not come within {within_s:g} s")
        sleep(look_every_s)


def partly(versions_before: Mapping[str, int], versions: Mapping[str, int]) -> bool:
    """Return whether some tables, but not all, have a newer version than before."""
    newer = sum(versions[name] > before for name, before in versions_before.items())
    return 0 < newer < len(versions_before)


def in_the_midst_of_a_batch(checkpoints: Mapping[str, datetime]) -> bool:
    """Return whether a streaming query works on a micro-batch: its offsets are noted, and not yet that it is done.

    Each epoch of the streams has a checkpoint of its own; those of earlier ones stay as they were when they ended.

    :param checkpoints: when each object of them was written, by key.
    """
    noted: dict[str, dict[str, int]] = defaultdict(lambda: {"offsets": -1, "commits": -1})
    written: dict[str, datetime] = {}
    for key, moment in checkpoints.items():
        if found := _CHECKPOINT_KEY.fullmatch(key):
            epoch, kind, number = found.groups()
            noted[epoch][kind] = max(noted[epoch][kind], int(number))
            written[epoch] = max(written.get(epoch, moment), moment)
    if not written:
        return False
    newest = noted[max(written, key=written.__getitem__)]
    return newest["offsets"] > newest["commits"]


def uncommitted(keys: Iterable[str], committed: Mapping[tuple[str, int], int]) -> set[str]:
    """Return the keys of raw objects that are stored, and whose records the sink has not committed.

    :param keys: of raw objects, listed before the offsets were asked for: an object may be committed in between.
    :param committed: by topic and partition; objects of other topics do not count.
    """
    found = ((key, _RAW_KEY.fullmatch(key)) for key in keys)
    placed = ((key, (name[1], int(name[2])), int(name[3])) for key, name in found if name)
    return {key for key, place, offset in placed if place in committed and offset >= committed[place]}


class Tables:
    """The versions of a layer's tables, as the listing of their logs tells them.

    :param layer: ``batch`` or ``speed``.
    :param names: of the tables.
    """

    def __init__(self, world: World, layer: str, names: Iterable[str]) -> None:
        self._s3 = world.aws("s3")
        self._layer = layer
        self.before = {name: self._newest(name, after=-1) for name in names}

    def versions(self) -> dict[str, int]:
        """Return the newest version of each table."""
        return {name: self._newest(name, after=before) for name, before in self.before.items()}

    def partly_written(self) -> bool:
        """Return whether some tables, but not all, have been written since this object was made."""
        return partly(self.before, self.versions())

    def written(self) -> bool:
        """Return whether one of the tables has been written since."""
        return self.versions() != self.before

    def _newest(self, name: str, after: int) -> int:
        prefix = f"delta/{self._layer}/{name}/_delta_log/"
        start = {"StartAfter": f"{prefix}{after:020d}.json"} if after >= 0 else {}
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix, **start)
        found = (
            re.fullmatch(r"(\d{20})\.json", entry["Key"].removeprefix(prefix))
            for page in pages
            for entry in page.get("Contents", [])
        )
        return max((int(version[1]) for version in found if version), default=after)


class HalfCommitted:
    """Whether the run of `clean_batch` that is at work has committed some tables of its day, and others not yet.

    What counts is what it has committed since it was first seen reading: one run at a time writes these tables. A day
    without bad rows leaves the quarantine as it is.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._run_id: int | None = None

    def by(self, run: Mapping[str, Any] | None) -> bool:
        """Return whether ``run``, which has begun to read, is in the midst of it; not so where there is none."""
        if run is None:
            return False
        if run["run_id"] != self._run_id:
            self._run_id = run["run_id"]
            written = [name for name in layout.BATCH_TABLES if name != "quarantine"]
            self._tables = Tables(self._world, "batch", written)
            return False
        return self._tables.partly_written()


def raw_keys(s3: Any, day: str | None = None) -> set[str]:
    """Return the keys of the raw objects; where a day is given, of that day and the topics of data.

    :param s3: a client, which takes longer to make than to ask.
    """
    if day is None:
        return set(_objects(s3, f"{layout.RAW_ROOT}/"))
    found = (_objects(s3, layout.raw_prefix(topic, day)) for topic in settings().topics.values())
    return {key for keys in found for key in keys}


def checkpoints(s3: Any, job: str) -> dict[str, datetime]:
    """Return when each object of a streaming job's checkpoints was written, by key."""
    return _objects(s3, layout.checkpoint_prefix(job))


def _objects(s3: Any, prefix: str) -> dict[str, datetime]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return {entry["Key"]: entry["LastModified"] for page in pages for entry in page.get("Contents", [])}


def driver_says(home: Path, run: Mapping[str, Any], pattern: str) -> bool:
    """Return whether the driver log of a Databricks run, as ``runs/list`` shows it, holds ``pattern``."""
    for task in run.get("tasks", ()):
        log = home / "databricks" / "runs" / str(task["run_id"]) / "driver.log"
        if log.exists() and re.search(pattern, log.read_text(encoding="utf-8", errors="replace")):
            return True
    return False
