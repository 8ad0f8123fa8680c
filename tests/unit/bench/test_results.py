from __future__ import annotations

import json

import pytest

from bench.figure import Figure, Want
from bench.plan import Plan
from bench.results import Results, commit, table


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


@pytest.fixture
def results(tmp_path):
    return Results(Plan(tmp_path), tmp_path / "results")


def stored(results):
    return json.loads(results.path.read_text(encoding="utf-8"))


def values(results):
    return [(figure["bench"], figure["value"]) for figure in stored(results)["figures"]]


def test_a_results_file_says_which_commit_and_machine_it_holds_for(results):
    results.add("day", [day(44)])
    assert stored(results)["machine"]["cores"] >= 1
    (figure,) = stored(results)["figures"]
    assert figure["commit"]
    assert figure["measured_at"].endswith("+00:00")
    assert (len(figure["load"]), "cores" in figure["machine"]) == (3, True)
    assert (figure["value"], figure["met"]) == (44, True)


def test_a_case_that_is_measured_again_replaces_its_figure_and_no_others(results):
    results.add("day", [day(44), Figure("day", "15,000 records", "trigger → committed", 70, "s")])
    results.add("world", [Figure("world", "down", "time", 3, "s")])
    results.add("day", [day(50)], "RuntimeError: the world is down")
    assert values(results) == [("day", 70), ("world", 3), ("day", 50)]


def test_a_benchmark_that_came_to_its_end_has_no_figures_of_cases_that_it_does_not_know_any_more(results):
    results.add("day", [day(44), Figure("day", "15,000 records", "trigger → committed", 70, "s")])
    results.add("day", [day(50)])
    assert values(results) == [("day", 50)]


def test_a_new_days_file_begins_with_the_newest_ones_figures(tmp_path):
    for name, value in (("2020-01-01", 60), ("2020-01-02", 44), ("2020-01-03-quick", 1)):
        results = Results(Plan(tmp_path), tmp_path)
        results.path = tmp_path / f"{name}.json"
        results.add("day", [day(value)])
    results = Results(Plan(tmp_path), tmp_path)
    results.add("world", [Figure("world", "down", "time", 3, "s")])
    assert values(results) == [("day", 44), ("world", 3)]
    assert results.path.stem > "2020-01-03"


def test_a_benchmark_that_broke_is_told_until_it_is_measured_to_its_end(results):
    results.add("demo", [], "RuntimeError: no Java")
    results.add("day", [], "RuntimeError: the world is down")
    results.add("world", [Figure("world", "down", "time", 3, "s")])
    assert stored(results)["broken"] == ["demo: RuntimeError: no Java", "day: RuntimeError: the world is down"]
    results.add("day", [day(44)])
    assert stored(results)["broken"] == ["demo: RuntimeError: no Java"]


def test_figures_of_a_quick_run_are_kept_apart(tmp_path):
    assert Results(Plan(tmp_path, quick=True), tmp_path).path.name.endswith("-quick.json")


def test_a_checkout_without_a_repository_has_an_unknown_commit(tmp_path, capsys):
    assert commit(tmp_path) == "unknown"
    assert "will not name their commit" in capsys.readouterr().err
