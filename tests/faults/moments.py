"""The moments at which components are killed: conditions that say that an activity is in its midst."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from include import layout
from tests.world import World

BUCKET = "pinpipe-local"
LOOK_EVERY_S = 0.02

Condition = Callable[[], bool]


class MissedError(AssertionError):
    """The activity was over before its moment was seen."""


def await_moment(
    has_come: Condition,
    is_over: Condition,
    *,
    within_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return as soon as the moment has come.

    :param is_over: asked about once a second, after the moment.
    :param within_s: how long to look, in seconds.
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
        sleep(LOOK_EVERY_S)


def partly(versions_before: Mapping[str, int], versions: Mapping[str, int]) -> bool:
    """Return whether some tables, but not all, have a newer version than before."""
    newer = sum(versions[name] > before for name, before in versions_before.items())
    return 0 < newer < len(versions_before)


def in_the_midst_of_a_batch(keys: Iterable[str]) -> bool:
    """Return whether a streaming query works on a micro-batch: its offsets are noted, and not yet that it is done.

    :param keys: of a checkpoint's objects.
    """
    noted: dict[str, int] = {"offsets": -1, "commits": -1}
    for key in keys:
        if found := re.search(r"/(offsets|commits)/(\d+)$", key):
            noted[found[1]] = max(noted[found[1]], int(found[2]))
    return noted["offsets"] > noted["commits"]


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


def raw_keys(world: World, day: str | None = None) -> set[str]:
    """Return the keys of the raw objects, of one day where it is given."""
    pages = world.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"{layout.RAW_ROOT}/")
    keys = (entry["Key"] for page in pages for entry in page.get("Contents", []))
    return {key for key in keys if day is None or f"/dt={day}/" in key}


def checkpoint_keys(world: World, job: str) -> list[str]:
    """Return the keys of a streaming job's checkpoints."""
    prefix = layout.checkpoint_prefix(job)
    pages = world.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def driver_says(home: Path, run: Mapping[str, Any], pattern: str) -> bool:
    """Return whether the driver log of a Databricks run, as ``runs/list`` shows it, holds ``pattern``."""
    for task in run.get("tasks", ()):
        log = home / "databricks" / "runs" / str(task["run_id"]) / "driver.log"
        if log.exists() and re.search(pattern, log.read_text(encoding="utf-8", errors="replace")):
            return True
    return False
