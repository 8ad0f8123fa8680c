"""The last days as the page shows them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pinpipe_airflow.late_days import LateDay
from pinpipe_airflow.page.days import CleanedDays, DayCell, DayState, Run, day_cells, window
from pinpipe_airflow.report.receipts import CleanedDay, Problem

from include.day_summary import day_summary
from tests.unit.plugins.page.sample_pipeline import receipt

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
TODAY = NOW.date()


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def cells(
    receipts: dict[date, CleanedDay | Problem], late: Any = None, runs: Any = None, now: datetime = NOW
) -> dict[date, DayCell]:
    cleaned = CleanedDays(frozenset(receipts), receipts, True)
    found = day_cells(cleaned, late if late is not None else {}, runs or {}, now=now, settle=timedelta(minutes=10))
    return {cell.day: cell for cell in found}


def cleaned(days_ago: int, **fields: Any) -> CleanedDay:
    return CleanedDay.model_validate(receipt(ago(days_ago), **fields))


def test_thirty_days_are_shown_and_the_last_is_today() -> None:
    assert window(TODAY) == [ago(back) for back in range(29, -1, -1)]
    assert list(cells({})) == window(TODAY)


def test_each_day_is_what_the_worst_of_it_is() -> None:
    found = cells(
        {
            ago(1): cleaned(1),
            ago(2): cleaned(2, rules={"unparsable": 3}),
            ago(3): cleaned(3, rules={"unparsable": 3}),
            ago(5): Problem("key", "day: Field required", "Clean its day again"),
            ago(6): cleaned(6),
        },
        {ago(3): LateDay(ago(3), 2, "topics/x", True)},
    )
    states = {back: found[ago(back)].state for back in range(8)}
    assert states == {
        0: DayState.OPEN,
        1: DayState.CLEAN,
        2: DayState.QUARANTINED,
        3: DayState.LATE,
        4: DayState.EMPTY,
        5: DayState.BROKEN,
        6: DayState.CLEAN,
        7: DayState.BEFORE,
    }
    assert found[ago(2)].text == "3,600 rows read, 3 of them quarantined (0.08 %)."
    assert "2 raw objects have come since" in found[ago(3)].text
    assert found[ago(5)].text == "The receipt is broken: day: Field required. Clean its day again."


def test_days_that_nothing_came_for_are_not_missing_unless_their_run_failed_or_nobody_has_looked() -> None:
    long_ago = {TODAY: cleaned(0), **{ago(back): cleaned(back) for back in (1360, 1361, 1362)}}
    failed = {ago(2): Run("clean_batch", "run", "failed", NOW, None, ago(2))}
    skipped = {ago(1): Run("clean_batch", "run", "success", NOW, None, ago(1))}
    found = cells(long_ago, runs={**failed, **skipped})
    assert {day: cell.state for day, cell in found.items() if cell.state is not DayState.EMPTY} == {
        TODAY: DayState.CLEAN,
        ago(2): DayState.MISSING,
    }
    assert found[ago(3)].text == "Not cleaned: at the last look no raw object was there."
    again = {ago(2): Run("clean_batch", "run", "running", NOW, None, ago(2))}
    assert cells(long_ago, runs=again)[ago(2)].state is DayState.MISSING, "its records may be on their way"
    assert cells(long_ago)[ago(1)].state is DayState.MISSING, "no run of it has begun, and it is due"
    unknown = day_cells(CleanedDays(frozenset(long_ago), long_ago), None, {}, now=NOW, settle=timedelta(0))
    states = {cell.day: cell.state for cell in unknown}
    assert states == dict.fromkeys(states, DayState.UNKNOWN) | {TODAY: DayState.CLEAN, ago(1): DayState.MISSING}


def test_a_day_says_what_the_command_line_says() -> None:
    written = receipt(ago(1), rules={"unparsable": 3})
    shown = cells({ago(1): CleanedDay.model_validate(written)})[ago(1)].summary
    told = day_summary(written)
    assert shown is not None
    assert {name: shown[name] for name in ("day", "read", "quarantined", "quarantined_share")} == {
        name: told[name] for name in ("day", "read", "quarantined", "quarantined_share")
    }


def test_yesterday_is_not_missing_before_it_is_due() -> None:
    half_past_midnight = NOW.replace(hour=0, minute=30)
    assert cells({ago(2): cleaned(2)}, now=half_past_midnight)[ago(1)].state is DayState.OPEN
    assert cells({ago(2): cleaned(2)})[ago(1)].state is DayState.MISSING


def test_raw_objects_that_nobody_has_cleaned_make_a_day_missing_even_before_the_first() -> None:
    found = cells({ago(1): cleaned(1)}, {ago(4): LateDay(ago(4), 1, "topics/x", False)})[ago(4)]
    assert (found.state, found.text) == (
        DayState.MISSING,
        "Not cleaned, though it is due; 1 raw object waits to be cleaned.",
    )


def test_today_cleaned_while_it_goes_on_is_not_late() -> None:
    today = CleanedDay.model_validate(
        receipt(TODAY, started_at=NOW - timedelta(hours=1), finished_at=NOW - timedelta(minutes=50))
    )
    found = cells({TODAY: today}, {TODAY: LateDay(TODAY, 9, "topics/x", True)})[TODAY]
    assert found.state is DayState.CLEAN
    assert "goes on growing" in found.text


@pytest.mark.parametrize(("state", "running", "failed"), [("running", True, False), ("failed", False, True)])
def test_a_day_knows_how_its_run_is(state: str, running: bool, failed: bool) -> None:
    run = Run("clean_batch", "run", state, NOW, None, ago(1))
    cell = cells({}, runs={ago(1): run})[ago(1)]
    assert (cell.running, cell.failed) == (running, failed)


def test_a_day_without_rows_is_clean() -> None:
    empty = CleanedDay.model_validate(receipt(ago(1), 0))
    cell = cells({ago(1): empty})[ago(1)]
    assert (cell.state, cell.text) == (DayState.CLEAN, "Nothing to clean: no row was read.")


def test_where_nobody_has_looked_for_late_objects_none_are_claimed() -> None:
    found = day_cells(CleanedDays(), None, {}, now=NOW, settle=timedelta(0))
    assert {cell.late_objects for cell in found} == {None}
