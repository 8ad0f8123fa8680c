"""The cleaning of one day: its raw objects to the batch layer's tables and a receipt."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from include import layout
from include.outcomes import CLEAN, QUARANTINED, SUPERSEDED
from include.schema import DATASETS, RESCUED_COLUMN, dataset, datasets
from spark_jobs import raw_objects, tables
from spark_jobs.day_counts import DataSetCounts, check_equation, metric_rows
from spark_jobs.expectations import BOUNDLESS, Expectation, Tolerance, expectations
from spark_jobs.judging import ADDRESS, Judged, judge_objects
from spark_jobs.quarantined_share import UNLIMITED, QuarantineLimit, refuse_or_accept
from spark_jobs.raw_objects import DATA_SETS, RawObject
from spark_jobs.receipts import rules_version

JOB = "clean_batch"

_LOGGED = ("ingested_at", *ADDRESS)
_NULLABLE = tuple(dict.fromkeys(column for of in datasets() for column in of.nullable_clean))
# Values come from outside: a receipt must not grow with them.
_VALUES_PER_WARNING = 20
_CHARACTERS_PER_VALUE = 300

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Day:
    """What is to be cleaned, and how.

    :param day: UTC day, ``YYYY-MM-DD``.
    :param root: what the objects' keys stand under, ``s3://<bucket>``.
    :param lake: root of the Delta tables.
    :param pipeline_id: the <id> of the topics' names.
    :param superseded_share: share of superseded rows above which a data set gets a warning.
    :param run_id: names the run in the receipt, the metrics and the tables' history.
    :param quarantine_limit: how many rows may be quarantined.
    :param tolerance: how far the day may be from the days before it.
    """

    day: str
    root: str
    lake: str
    pipeline_id: str
    superseded_share: float
    run_id: str
    quarantine_limit: QuarantineLimit = UNLIMITED
    tolerance: Tolerance = BOUNDLESS


def clean_day(
    spark: SparkSession, day: Day, listed: Sequence[RawObject], last_receipts: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Clean a day and replace it in every table of the batch layer; return the receipt.

    The objects are read once, data set beside data set, and Spark keeps the judged rows. Everything is computed and
    counted before the first commit; a run that dies between two commits is mended by the next run of the day, which
    replaces the day in all tables again.

    :param listed: the day's objects, as listed just now.
    :param last_receipts: of the days cleaned before it, to compare with.
    :raises spark_jobs.tables.TableSchemaError: when a table is not there as declared; nothing is published.
    :raises spark_jobs.day_counts.EquationError: when rows got lost or doubled; nothing is published.
    :raises spark_jobs.quarantined_share.TooManyQuarantinedError: when too many rows break rules; nothing is published.
    """
    started_at = datetime.now(UTC)
    objects = [raw for raw in listed if not raw.ignored]
    log.info("day %s: %s objects, %s bytes", day.day, len(objects), sum(raw.size for raw in objects))
    tables.add_columns(spark, day.lake, "batch", layout.BATCH_TABLES)
    judged = _judge(spark, day, objects)
    counted = _count(spark, judged)
    check_equation(day.day, counted.counts)
    lines_by_key = raw_objects.lines_by_key(counted.lines_by_file.items(), day.root, objects)
    if not judged:
        log.info("day %s: no data; the day will be empty in every table", day.day)
    accepted = refuse_or_accept(day.quarantine_limit, day.day, counted.counts, judged)
    warnings = [*_warnings(day, counted.counts, judged), *_ignored(listed), *_accepted(accepted, counted.counts)]
    over = started_at.date().isoformat() > day.day
    expected = expectations(counted.counts, last_receipts, day.tolerance, over=over)
    for warning in (*warnings, *(one.as_receipt() for one in expected if not one.met)):
        log.warning("day %s: %s", day.day, warning)
    metrics = [*metric_rows(counted.counts, warnings), *_metrics_of(expected)]
    versions = _publish(spark, day, judged, metrics)
    return {
        "job": JOB,
        "day": day.day,
        "run_id": day.run_id,
        "rules_version": rules_version(),
        "contracts": {of.name: of.version for of in datasets()},
        "started_at": started_at.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "newest_record_at": counted.newest_record_at.isoformat() if counted.newest_record_at else None,
        "data_sets": {name: of.as_receipt() for name, of in counted.counts.items()},
        "quarantined_by_rule": {name: dict(sorted(of.rules.items())) for name, of in counted.counts.items()},
        "nulls": {name: counted.counts[name].nulls_by_column(name) for name in DATASETS},
        "rescued": {name: counted.counts[name].rescued for name in DATASETS},
        "expectations": [one.as_receipt() for one in expected],
        "warnings": warnings,
        "manifest": [
            {"key": raw.key, "etag": raw.etag, "size": raw.size, "lines": lines_by_key.get(raw.key, 0)}
            for raw in listed
        ],
        "tables": {name: {"version": version} for name, version in versions.items()},
    }


@dataclass(frozen=True)
class Counted:
    """What came of a day's objects.

    :param counts: by data set.
    :param lines_by_file: of every file that has any.
    :param newest_record_at: log timestamp of the newest record, ``None`` where no record has one.
    """

    counts: dict[str, DataSetCounts]
    lines_by_file: Counter[str]
    newest_record_at: datetime | None


def _judge(spark: SparkSession, day: Day, objects: Iterable[RawObject]) -> dict[str, Judged]:
    """Return the judged rows of every data set that has a line."""
    by_data_set: dict[str, list[RawObject]] = defaultdict(list)
    for raw in objects:
        if raw.holds_lines:
            by_data_set[raw.data_set].append(raw)
    with ThreadPoolExecutor(len(DATA_SETS)) as side_by_side:
        judging = {
            name: side_by_side.submit(judge_objects, spark, day.root, day.pipeline_id, day.day, name, found)
            for name, found in by_data_set.items()
        }
        return {name: rows.result() for name, rows in judging.items()}


def _count(spark: SparkSession, judged: Mapping[str, Judged]) -> Counted:
    """Count the rows that came out, of all data sets in one Spark job.

    The lines that came in were counted before any rule and any window, so that the equation compares two counts made
    apart.
    """
    counts = {name: DataSetCounts(read=judged[name].read if name in judged else 0) for name in DATA_SETS}
    lines_by_file: Counter[str] = Counter()
    newest_ms: list[int] = []
    for row in _groups(judged).collect() if judged else ():
        of = counts[row.data_set]
        of.add(row.outcome, row.rules or (), row.unexpected or (), row.of_another_day, row.rows)
        of.nulls += Counter({column: row[column] for column in _NULLABLE})
        of.rescued += row[RESCUED_COLUMN]
        lines_by_file[row.file] += row.rows
        newest_ms += [row.newest_ms] if row.newest_ms is not None else []
    newest_record_at = datetime.fromtimestamp(max(newest_ms) / 1000, UTC) if newest_ms else None
    return Counted(counts, lines_by_file, newest_record_at)


def _groups(judged: Mapping[str, Judged]) -> DataFrame:
    """Return how many rows share all that is counted, when the newest of them was logged, how many are NULL in each
    column that may be, and how many have something rescued.
    """
    shared = ("data_set", "file", "outcome", "rules", "unexpected", "of_another_day")
    rows = reduce(
        DataFrame.unionByName,
        (of.rows.select(*shared, "ingested_at", *_marked(name)) for name, of in judged.items()),
    )
    newest = F.max(F.unix_millis("ingested_at")).alias("newest_ms")
    marked = (F.count_if(column).alias(column) for column in (*_NULLABLE, RESCUED_COLUMN))
    return rows.groupBy(*shared).agg(F.count(F.lit(1)).alias("rows"), newest, *marked)


def _marked(data_set: str) -> Iterator[Column]:
    """Yield for each nullable column of all data sets whether a clean row is NULL there, and whether it has something
    rescued.
    """
    nullable = dataset(data_set).nullable_clean if data_set in DATASETS else ()
    clean = F.col("outcome") == CLEAN
    for column in _NULLABLE:
        yield (clean & F.col("content")[column].isNull() if column in nullable else F.lit(False)).alias(column)
    rescued = clean & F.col("content")[RESCUED_COLUMN].isNotNull() if data_set in DATASETS else F.lit(False)
    yield rescued.alias(RESCUED_COLUMN)


def _warnings(day: Day, counts: Mapping[str, DataSetCounts], judged: Mapping[str, Judged]) -> Iterable[dict[str, Any]]:
    for name, of in counts.items():
        for column, rows in sorted(of.unexpected.items()):
            yield from _unexpected_values(judged[name].rows, name, column, rows)
        if of.superseded_above(day.superseded_share):
            yield {"data_set": name, "warning": "superseded_share", "count": of.outcomes[SUPERSEDED]}
        if of.of_another_day:
            yield {"data_set": name, "warning": "of_another_day", "count": of.of_another_day}


def _unexpected_values(judged: DataFrame, data_set: str, column: str, rows: int) -> Iterable[dict[str, Any]]:
    found = judged.where((F.col("outcome") == CLEAN) & F.array_contains("unexpected", column))
    shown = F.substring(F.col("content")[column], 1, _CHARACTERS_PER_VALUE)
    values = found.groupBy(shown.alias("value")).count()
    for value, count in values.orderBy(F.desc("count"), "value").limit(_VALUES_PER_WARNING).collect():
        yield {"data_set": data_set, "warning": f"unknown_{column}", "value": value, "count": count}
        rows -= count
    if rows:
        yield {"data_set": data_set, "warning": f"unknown_{column}", "count": rows}


def _ignored(listed: Iterable[RawObject]) -> Iterable[dict[str, Any]]:
    for raw in listed:
        if raw.ignored and raw.size:
            yield {"data_set": raw.data_set, "warning": "ignored_object", "value": raw.key, "count": 1}


def _accepted(shares: Iterable[str], counts: Mapping[str, DataSetCounts]) -> Iterable[dict[str, Any]]:
    for name in shares:
        yield {"data_set": name, "warning": "quarantined_share", "count": counts[name].outcomes[QUARANTINED]}


def _metrics_of(expected: Iterable[Expectation]) -> Iterable[tuple[str, str, str | None, int]]:
    for one in expected:
        yield one.data_set, "expectation_met", one.detail, int(one.met)


def _publish(
    spark: SparkSession,
    day: Day,
    judged: Mapping[str, Judged],
    metrics: Iterable[tuple[str, str, str | None, int]],
) -> dict[str, int]:
    """Commit the day table by table, in the order of :data:`include.layout.BATCH_TABLES`; return the versions made."""
    frames = {name: tables.empty(spark, "batch", name) for name in layout.BATCH_TABLES}
    frames["metrics"] = tables.metrics(spark, metrics, day.run_id)
    quarantined = [
        of.rows.where(F.col("outcome") == QUARANTINED).select("data_set", "key", "rules", "raw", *_LOGGED)
        for of in judged.values()
    ]
    if quarantined:
        frames["quarantine"] = reduce(DataFrame.unionByName, quarantined)
    for name in judged.keys() & set(DATASETS):
        frames[name] = judged[name].rows.where(F.col("outcome") == CLEAN).select("content.*", *_LOGGED)
    versions = {}
    for name in layout.BATCH_TABLES:
        versions[name] = tables.replace_day(frames[name], day.lake, name, day.day, note=day.run_id)
        log.info("day %s: committed %s as version %s", day.day, name, versions[name])
    return versions
