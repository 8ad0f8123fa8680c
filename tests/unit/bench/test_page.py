from __future__ import annotations

import re

import pytest

from bench.figure import Figure, Want
from bench.page import PAGE, with_figures
from bench.plan import Plan
from bench.results import Results


@pytest.fixture
def results(tmp_path):
    figure = Figure("day", "1,500 records", "trigger → committed", 61.5, "s", Want("<", 60), {"cpu_s": 12.5})
    results = Results(Plan(tmp_path), tmp_path)
    results.add("day", [figure])
    return results.path


def test_the_newest_figures_replace_those_that_the_page_had(results):
    page = with_figures("# P\n<!-- figures -->\nold\n<!-- end of figures -->\nmore\n", results)
    assert "old" not in page
    assert (page[:4], page[-29:]) == ("# P\n", "<!-- end of figures -->\nmore\n"[-29:])
    row = next(line for line in page.splitlines() if line.startswith("| 1,500 records"))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "1,500 records", "trigger → committed", "61.5 s", "< 60: **no**", "12.5", "",
    ]  # fmt: skip


def test_each_benchmark_says_when_and_where_it_was_measured(results):
    page = with_figures("<!-- figures -->\n<!-- end of figures -->\n", results)
    (told,) = [line for line in page.splitlines() if line.startswith("Measured 20")]
    assert re.fullmatch(r"Measured \d{4}-\d\d-\d\d, commit \S+, \d+ cores \(.*\), \S+\.", told)


def test_a_page_without_marks_is_refused(results):
    with pytest.raises(ValueError, match="lacks the marks"):
        with_figures("# P\n", results)


def test_the_committed_page_has_the_marks(results):
    assert with_figures(PAGE.read_text(encoding="utf-8"), results)
