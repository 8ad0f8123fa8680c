from __future__ import annotations

import json

from bench.figure import Figure, Want
from bench.plan import Plan
from bench.results import table, write


def day(seconds):
    return Figure("day", "1,500 records", "trigger → committed", seconds, "s", Want("<", 60))


def test_the_table_shows_value_wish_and_verdict():
    heading, _, row = table([day(61.5)]).splitlines()
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "day", "1,500 records", "trigger → committed", "61.5", "s", "< 60", "NO",
    ]  # fmt: skip
    assert "wanted" in heading


def test_large_values_are_grouped_by_thousands():
    row = table([Figure("ingestion", "", "rate", 12345.6, "records/s")], heading=False)
    assert "12,346" in row


def test_a_results_file_says_which_commit_and_machine_it_holds_for(tmp_path):
    path = write([day(44)], [], Plan(tmp_path), tmp_path / "results")
    results = json.loads(path.read_text(encoding="utf-8"))
    assert results["machine"]["cores"] >= 1
    (figure,) = results["figures"]
    assert figure["commit"]
    assert figure["measured_at"].endswith("+00:00")
    assert (figure["value"], figure["met"]) == (44, True)


def test_a_benchmark_that_is_measured_again_replaces_its_figures_and_no_others(tmp_path):
    plan = Plan(tmp_path)
    write([day(44), Figure("world", "down", "time", 3, "s")], ["demo: broke"], plan, tmp_path)
    path = write([day(50)], [], plan, tmp_path)
    results = json.loads(path.read_text(encoding="utf-8"))
    assert [(figure["bench"], figure["value"]) for figure in results["figures"]] == [("world", 3), ("day", 50)]


def test_figures_of_a_quick_run_are_kept_apart(tmp_path):
    assert write([day(44)], [], Plan(tmp_path, quick=True), tmp_path).name.endswith("-quick.json")
