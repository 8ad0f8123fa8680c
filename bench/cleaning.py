"""Rows cleaned per CPU second: the project's Spark job against duckdb and polars doing the same, in the same run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import duckdb
from deltalake import DeltaTable

from bench.cleaning_engines.process import Counts, Engine
from bench.cleaning_engines.raw_day import raw_day
from bench.cost import Cost
from bench.figure import Figure, Want
from bench.plan import ROOT, Plan
from include import layout
from include.schema import RESCUED_COLUMN, dataset
from local.databricks import spark_settings

NAME = "cleaning"
ENGINES = ("duckdb", "polars", "spark")

_SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
_WARM_RUNS = {10_000: 5, 100_000: 3, 1_000_000: 2}  # bigger ones once
_MOST_PINS_SIDE_BY_SIDE = 1_000_000  # of more, two engines at once would keep too much in memory
_MOST_TIMES_DUCKDB = 6
_CREATE_TIMEOUT_S = 300
_SQL_TYPE = {"int": "INT", "bigint": "BIGINT", "string": "VARCHAR"}
# Columns of the tables as all engines can be asked for them; a partition's column is in no file.
_LOGGED = 'epoch_us(ingested_at), topic, partition::INT, "offset"::BIGINT'
_PIN_COLUMNS = ", ".join(f"{column.name}::{_SQL_TYPE[column.type]}" for column in dataset("pin").clean)
_CONTENTS = {
    "pin": f"{_PIN_COLUMNS}, {_LOGGED}, {RESCUED_COLUMN}",
    "quarantine": f"data_set, key, rules, raw, {_LOGGED}",
}


@dataclass(frozen=True)
class _Measured:
    """An engine's costs of one size: the first cleaning, with the start of the process, and the later ones.

    :param contents: rows of each table and the sum of their hashes, whatever their order.
    """

    counts: Counts
    cold: list[Cost]
    warm: list[Cost]
    files: dict[str, int]
    contents: dict[str, tuple[int, int]]


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield rows per CPU second of each engine, size and state, and how much more CPU Spark takes than duckdb.

    :raises RuntimeError: when the engines' counts or rows differ: they did not do the same.
    """
    for pins in _SIZES[:1] if plan.quick else _SIZES:
        root = raw_day(plan.folder / "raw", pins)
        measured: dict[str, _Measured] = {}
        for engines in (ENGINES,) if pins <= _MOST_PINS_SIDE_BY_SIDE else tuple((engine,) for engine in ENGINES):
            measured |= _measure(engines, plan, root, pins)
        _require_equal_results(measured)
        for engine, of in measured.items():
            for state, costs in (("cold", of.cold), ("warm", of.warm)):
                cost = _median(costs)
                detail = {**cost.as_dict(), "counts": of.counts, "files": of.files}
                rate = of.counts["read"] / cost.cpu_s
                case = f"{engine}, {state}, {pins:,} pins"
                yield Figure(NAME, case, "rows per CPU second", rate, "rows/CPU s", detail=detail)
        for state in ("cold", "warm"):
            rounds = zip(getattr(measured["spark"], state), getattr(measured["duckdb"], state), strict=True)
            times = [of_spark.cpu_s / of_duckdb.cpu_s for of_spark, of_duckdb in rounds]
            want = Want("<=", _MOST_TIMES_DUCKDB) if state == "warm" else None
            detail = {"rounds": [round(one, 2) for one in times]}
            case = f"spark / duckdb, {state}, {pins:,} pins"
            yield Figure(NAME, case, "CPU seconds", median(times), "x", want, detail=detail)


def _measure(engines: Iterable[str], plan: Plan, root: Path, pins: int) -> dict[str, _Measured]:
    """Have engines clean a day in rounds, each one once in a round, so that a busy machine slows them alike."""
    lakes = {engine: plan.folder / "lake" / engine for engine in engines}
    with ExitStack() as stack:
        running: dict[str, Engine] = {}
        for engine, lake in lakes.items():
            shutil.rmtree(lake, ignore_errors=True)
            if engine == "spark":
                command, environment = _command(engine, plan, "create", lake)
                subprocess.run(command, env=environment, check=True, capture_output=True, timeout=_CREATE_TIMEOUT_S)
            process = Engine(*_command(engine, plan, str(root), lake), plan.folder / f"{engine}.log")
            running[engine] = stack.enter_context(process)
        rounds = 1 + _WARM_RUNS.get(pins, 1)
        cleaned = [{engine: process.clean() for engine, process in running.items()} for _ in range(rounds)]
    return {engine: _measured(lake, [one[engine] for one in cleaned]) for engine, lake in lakes.items()}


def _measured(lake: Path, cleaned: Sequence[tuple[Counts, Cost]]) -> _Measured:
    files = {name: _data_files(lake, name) for name in _CONTENTS}
    contents = {name: _fingerprint(files[name], columns) for name, columns in _CONTENTS.items()}
    costs = [cost for _, cost in cleaned]
    return _Measured(cleaned[0][0], costs[:1], costs[1:], {name: len(of) for name, of in files.items()}, contents)


def _median(costs: Sequence[Cost]) -> Cost:
    """Return the middle one of each, but the largest of the peaks."""
    wall_s, cpu_s = (float(median(getattr(cost, field) for cost in costs)) for field in ("wall_s", "cpu_s"))
    return Cost(wall_s, cpu_s, max(cost.peak_mib for cost in costs))


def _data_files(lake: Path, name: str) -> list[str]:
    """Return the data files that the table has for readers."""
    return DeltaTable(layout.table_path(str(lake), "batch", name)).file_uris()


def _fingerprint(files: list[str], columns: str) -> tuple[int, int]:
    query = f"SELECT count(*), coalesce(sum(hash({columns})::HUGEINT), 0) FROM read_parquet($files)"  # nosec B608 # columns that are declared
    rows, hashes = duckdb.execute(query, {"files": files}).fetchall()[0]
    return int(rows), int(hashes)


def _command(engine: str, plan: Plan, root: str, lake: Path) -> tuple[list[str], dict[str, str]]:
    arguments = ["-m", f"bench.cleaning_engines.in_{engine}", root, str(lake)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if engine != "spark":
        return [sys.executable, *arguments], environment
    jars = ROOT / ".tools/jars/spark"
    spark = spark_settings.write(plan.folder / "spark-conf", jars, {})
    python = str(ROOT / ".venv-spark/bin/python")
    return [python, *arguments], {**environment, **spark, "PYSPARK_PYTHON": python, "SPARK_LOCAL_IP": "127.0.0.1"}


def _require_equal_results(measured: dict[str, _Measured]) -> None:
    counts = {engine: {name: rows for name, rows in of.counts.items() if rows} for engine, of in measured.items()}
    contents = {engine: of.contents for engine, of in measured.items()}
    if any(counts[engine] != counts["spark"] or contents[engine] != contents["spark"] for engine in measured):
        raise RuntimeError(f"the engines did not do the same cleaning: counts {counts}, rows and hashes {contents}")
