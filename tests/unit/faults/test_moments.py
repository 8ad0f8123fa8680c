from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.moments import (
    MissedError,
    await_moment,
    driver_says,
    in_the_midst_of_a_batch,
    partly,
    uncommitted,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def after(clock: Clock, seconds: float) -> Callable[[], bool]:
    return lambda: clock.now >= seconds


def test_a_moment_is_taken_as_soon_as_it_comes() -> None:
    clock = Clock()
    await_moment(after(clock, 2.5), lambda: False, within_s=10, clock=clock, sleep=clock.sleep)
    assert clock.now == pytest.approx(2.5, abs=0.05)


def test_an_activity_that_ends_before_its_moment_is_missed() -> None:
    clock = Clock()
    with pytest.raises(MissedError, match="over before its moment"):
        await_moment(after(clock, 9), after(clock, 3), within_s=60, clock=clock, sleep=clock.sleep)
    assert 3 <= clock.now < 5


def test_a_moment_that_does_not_come_in_time_is_missed() -> None:
    clock = Clock()
    with pytest.raises(MissedError, match="within 5 s"):
        await_moment(lambda: False, lambda: False, within_s=5, clock=clock, sleep=clock.sleep)


def test_a_moment_that_comes_together_with_the_end_is_not_missed() -> None:
    clock = Clock()
    await_moment(after(clock, 2), after(clock, 2), within_s=5, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({"pin": 4, "geo": 2}, False),
        ({"pin": 5, "geo": 2}, True),
        ({"pin": 5, "geo": 3}, False),
    ],
)
def test_tables_are_partly_written_where_some_but_not_all_are_newer(versions: dict[str, int], expected: bool) -> None:
    assert partly({"pin": 4, "geo": 2}, versions) is expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([], False),
        (["c/offsets/0"], True),
        (["c/offsets/0", "c/commits/0"], False),
        (["c/offsets/9", "c/offsets/10", "c/commits/9", "c/metadata"], True),
        (["c/offsets/10", "c/commits/10", "c/offsets/9"], False),
        (["c/offsets/", "c/sources/0/0"], False),
    ],
)
def test_a_micro_batch_is_at_work_while_its_offsets_are_noted_and_not_its_end(keys: list[str], expected: bool) -> None:
    assert in_the_midst_of_a_batch(dict.fromkeys(keys, NOW)) is expected


@pytest.mark.parametrize(("newest", "expected"), [("old", True), ("new", False)])
def test_of_several_epochs_the_one_that_was_written_last_counts(newest: str, expected: bool) -> None:
    keys = {
        "c/old/offsets/40": NOW,
        "c/old/commits/39": NOW,
        "c/new/offsets/3": NOW - timedelta(seconds=9),
        "c/new/commits/3": NOW - timedelta(seconds=9),
    }
    keys[f"c/{newest}/metadata"] = NOW + timedelta(days=1)  # what is neither does not count
    keys[f"c/{newest}/offsets/0"] = NOW + timedelta(seconds=1)
    assert in_the_midst_of_a_batch(keys) is expected


def test_a_raw_object_is_uncommitted_from_the_offset_on_that_its_partition_has_committed() -> None:
    below, at = (
        "topics/p.pin/dt=2025-01-01/p.pin+0+0000000009.json",
        "topics/p.pin/dt=2025-01-01/p.pin+0+0000000010.json",
    )
    first = "topics/p.pin/dt=2025-01-01/p.pin+1+0000000000.json"
    other = "topics/p.dead_letter/dt=2025-01-01/p.dead_letter+0+0000000000.bin"
    assert uncommitted([below, at, first, other], {("p.pin", 0): 10, ("p.pin", 1): 0}) == {at, first}
    assert uncommitted([at, first], {("p.pin", 0): 11, ("p.pin", 1): 500}) == set()


def test_what_a_driver_says_is_found_in_the_log_of_any_of_the_run_s_tasks(tmp_path: Path) -> None:
    run = {"tasks": [{"run_id": 7}, {"run_id": 8}]}
    assert not driver_says(tmp_path, run, "objects")
    folder = tmp_path / "databricks" / "runs" / "8"
    folder.mkdir(parents=True)
    (folder / "driver.log").write_text("INFO day 2025-01-01: 3 objects, 10 bytes\n")
    assert driver_says(tmp_path, run, r"day [\d-]+: \d+ objects")
    assert not driver_says(tmp_path, run, "committed")
