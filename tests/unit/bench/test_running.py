from __future__ import annotations

import json

import pytest

import bench.__main__ as running
from bench.__main__ import alone
from bench.figure import Figure
from bench.plan import Plan
from bench.results import Results

DOWN = Figure("world", "`down`", "time", 3, "s")


@pytest.fixture
def results(tmp_path):
    return Results(Plan(tmp_path), tmp_path)


def measuring(**benches):
    """Return what measures in place of the benchmarks: each yields its figures, and raises what is an error."""

    def measure(name, _):
        for figure in benches[name]:
            if not isinstance(figure, Figure):
                raise figure
            yield figure

    return measure


def test_a_benchmark_that_breaks_keeps_its_figures_and_the_others_are_measured(monkeypatch, results, tmp_path, capsys):
    monkeypatch.setattr(running, "_measure", measuring(day=[ValueError("no day")], world=[DOWN]))
    assert running._run(["day", "world"], Plan(tmp_path), results) == ["day: ValueError: no day"]
    stored = json.loads(results.path.read_text())
    assert [figure["case"] for figure in stored["figures"]] == ["`down`"]
    assert stored["broken"] == ["day: ValueError: no day"]
    assert "`down`" in capsys.readouterr().out


@pytest.mark.parametrize("stopped", [KeyboardInterrupt(), SystemExit(143)])
def test_what_was_measured_before_a_stop_is_stored(monkeypatch, results, tmp_path, stopped):
    monkeypatch.setattr(running, "_measure", measuring(world=[DOWN, stopped]))
    with pytest.raises(type(stopped)):
        running._run(["world"], Plan(tmp_path), results)
    stored = json.loads(results.path.read_text())
    assert [figure["case"] for figure in stored["figures"]] == ["`down`"]
    assert stored["broken"] == ["world: stopped before its end"]


def test_benchmarks_do_not_run_twice_at_once(tmp_path):
    with alone(tmp_path), pytest.raises(SystemExit, match="benchmarks already run in "), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_what_the_benchmarks_keep_is_measured_and_removed(tmp_path):
    plan = Plan(tmp_path / "bench")
    (plan.folder / "raw").mkdir(parents=True)
    (plan.folder / "raw" / "day").write_bytes(bytes(2**20))
    assert 2**20 <= plan.gib() * 2**30 < 2**21
    plan.remove()
    assert not plan.folder.exists()
