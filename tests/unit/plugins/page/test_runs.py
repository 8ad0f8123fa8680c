"""Which run cleans which day, and who may see it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from pinpipe_airflow.page.days import Run
from pinpipe_airflow.page.runs import Runs, newest_by_day

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)


def row(run_id: str, began: datetime, **given: Any) -> dict[str, Any]:
    return {
        "dag_id": "clean_batch", "run_id": run_id, "run_type": "manual", "state": "success", "start_date": began,
        "end_date": None, "conf": {}, "logical_date": None, "data_interval_start": None, "data_interval_end": None,
        "run_after": began, **given,
    }  # fmt: skip


def test_a_run_belongs_to_the_day_that_it_cleans_and_the_newest_counts() -> None:
    start = datetime(2026, 11, 18, tzinfo=UTC)
    interval = {"logical_date": start, "data_interval_start": start, "data_interval_end": start + timedelta(days=1)}
    found = newest_by_day(
        [
            row("scheduled", NOW - timedelta(days=2), run_type="scheduled", **interval),
            row("again", NOW - timedelta(hours=2), conf={"day": "2026-11-18"}, state="failed"),
            row("today", NOW),
            row("waiting", NOW, start_date=None, conf={"day": "2026-11-01"}, state="queued"),
        ],
        10,
    )
    assert {day.isoformat(): run.run_id for day, run in found.items()} == {
        "2026-11-18": "again",
        "2026-11-21": "today",
        "2026-11-01": "waiting",
    }
    assert found[date(2026, 11, 18)].state == "failed"


def test_a_run_that_is_refused_or_has_a_strange_conf_belongs_to_no_day() -> None:
    rows = [row("x", NOW, conf={"day": day}) for day in ("2999-01-01", "<script>", 5, ["2026-11-01"])]
    assert newest_by_day(rows, 10) == {}
    assert list(newest_by_day([row("x", NOW, conf="text")], 10)) == [NOW.date()]


def test_runs_of_dags_that_somebody_may_not_see_are_left_out() -> None:
    run = Run("emulate_batch", "x", "success")
    runs = Runs(
        {NOW.date(): run}, {"emulate_batch": run, "clean_batch": run}, {"emulate_batch": NOW}, {"emulate_batch": {}}
    )
    assert runs.of({"clean_batch"}) == Runs({NOW.date(): run}, {"clean_batch": run})
    assert runs.of(set()) == Runs()
