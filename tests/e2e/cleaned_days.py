"""Cleaned days as a whole: every table of the batch layer, and the receipt, against the independent computation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from tests.e2e.comparison import assert_day_equals, assert_receipt_agrees, delta_table
from tests.e2e.conftest import World
from tests.e2e.kafka_log import read_log
from tests.e2e.oracle import cleaning

TABLES = ("quarantine", "pin", "geo", "user", "metrics")
COUNTS = ("read", "clean", "redelivered", "identical", "superseded", "quarantined")


def assert_cleaned(world: World, days: Iterable[date]) -> None:
    """Assert that all tables of each day hold what follows from the log, and that one run has written all of them."""
    wanted = set(days)
    computed = cleaning.clean_days(record for record in read_log(world.bootstrap) if record.logged_at.date() in wanted)
    for day in sorted(wanted):
        receipt = receipt_of(world, day)
        assert_day_equals(computed[day])
        assert_receipt_agrees(receipt, computed[day])
        _assert_metrics_agree(receipt, computed[day])
        assert writers_of(day) == dict.fromkeys(writers_of(day), receipt["run_id"]), f"{day} is of several runs"


def receipt_of(world: World, day: date) -> dict[str, Any]:
    """Return the newest receipt of a day's cleaning."""
    return world.receipt(f"receipts/clean_batch/dt={day}/latest.json")


def writers_of(day: date) -> dict[str, str]:
    """Return the run that has written a day last, of each table in which the day was ever written."""
    found = {}
    for name in TABLES:
        # Newest first.
        commits = [commit for commit in delta_table(name).history() if _is_of(commit, day)]
        if commits:
            found[name] = commits[0]["userMetadata"]
    return found


def _is_of(commit: dict[str, Any], day: date) -> bool:
    return f"'{day}'" in str(commit.get("operationParameters", {}).get("predicate"))


def _assert_metrics_agree(receipt: dict[str, Any], expected: cleaning.Day) -> None:
    rows = delta_table("metrics").to_pyarrow_table(filters=[("ingest_date", "=", expected.day)]).to_pylist()
    assert {row["run_id"] for row in rows} == {receipt["run_id"]}
    found = {(row["data_set"], row["metric"], row["detail"]): row["value"] for row in rows}
    # The receipt's counts equal the independent computation's, but for lines that lie in two objects.
    counted = receipt["data_sets"].items()
    wanted = {(name, metric, None): counts[metric] for name, counts in counted for metric in COUNTS}
    broken = Counter((bad.data_set, rule) for bad in expected.quarantined for rule in bad.rules)
    wanted |= {(name, "quarantined_by_rule", rule): rows for (name, rule), rows in broken.items()}
    names = (*COUNTS, "quarantined_by_rule")
    assert {key: value for key, value in found.items() if key[1] in names} == wanted, f"metrics of {expected.day}"
    unknown: Counter[str] = Counter()
    for (_, metric, _), value in found.items():
        if metric.startswith("unknown_"):
            unknown[metric.removeprefix("unknown_")] += value
    assert unknown == Counter(expected.warnings), f"warnings of {expected.day}"
