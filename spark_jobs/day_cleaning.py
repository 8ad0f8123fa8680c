"""The cleaning of one day: its raw objects to the batch layer's tables and a receipt."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from include import layout
from include.outcomes import CLEAN, QUARANTINED, SUPERSEDED
from include.schema import DATASETS, UNPARSABLE, dataset
from spark_jobs import raw_objects, tables
from spark_jobs.checks import with_checks
from spark_jobs.day_counts import DataSetCounts, check_equation, metric_rows
from spark_jobs.duplicates import with_outcome, with_redelivered
from spark_jobs.raw_objects import DATA_SETS, DEAD_LETTER, RawObject
from spark_jobs.receipts import rules_version
from spark_jobs.records import KAFKA_FIELDS, file_offset, file_partition, raw_text, with_kafka_address, with_record

JOB = "clean_batch"

_ADDRESS = ("topic", "partition", "offset")
_LOG_ORDER = ("ingested_at", "partition", "offset", "topic")
_READ = "read"
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
    """

    day: str
    root: str
    lake: str
    pipeline_id: str
    superseded_share: float
    run_id: str


def clean_day(spark: SparkSession, day: Day, listed: Sequence[RawObject]) -> dict[str, Any]:
    """Clean a day and replace it in every table of the batch layer; return the receipt.

    The objects are read once, into Spark's storage. Everything is computed and counted before the first commit; a run
    that dies between two commits is mended by the next run of the day, which replaces the day in all tables again.

    :param listed: the day's objects, as listed just now.
    :raises spark_jobs.tables.TableSchemaError: when a table is not there as declared; nothing is published.
    :raises spark_jobs.day_counts.EquationError: when rows got lost or doubled; nothing is published.
    """
    started_at = datetime.now(UTC)
    objects = [raw for raw in listed if not raw.ignored]
    log.info("day %s: %s objects, %s bytes", day.day, len(objects), sum(raw.size for raw in objects))
    with ExitStack() as storage, ThreadPoolExecutor(1) as beside:
        tables_there = beside.submit(tables.require, spark, day.lake, "batch", layout.BATCH_TABLES)
        lines = raw_objects.read_lines(spark, day.root, objects, day.pipeline_id).persist()
        storage.callback(lines.unpersist)
        judged = {name: judge(lines, name, day).persist() for name in DATA_SETS}
        for frame in judged.values():
            storage.callback(frame.unpersist)
        tables_there.result()
        counts, lines_by_key = _count(lines, judged, day, objects)
        check_equation(day.day, counts)
        if not any(of.read for of in counts.values()):
            log.info("day %s: no data; the day will be empty in every table", day.day)
        warnings = [*_warnings(day, counts, judged), *_ignored(listed)]
        for warning in warnings:
            log.warning("day %s: %s", day.day, warning)
        versions = _publish(spark, day, judged, metric_rows(counts, warnings))
    return {
        "job": JOB,
        "day": day.day,
        "run_id": day.run_id,
        "rules_version": rules_version(),
        "started_at": started_at.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "data_sets": {name: of.as_receipt() for name, of in counts.items()},
        "quarantined_by_rule": {name: dict(sorted(of.rules.items())) for name, of in counts.items()},
        "warnings": warnings,
        "manifest": [
            {"key": raw.key, "etag": raw.etag, "size": raw.size, "lines": lines_by_key.get(raw.key, 0)}
            for raw in listed
        ],
        "tables": {name: {"version": version} for name, version in versions.items()},
    }


def judge(lines: DataFrame, data_set: str, day: Day) -> DataFrame:
    """Return each line of a data set with its outcome, clean content or broken rules, and address.

    Columns: ``data_set``, ``key``, ``content``, ``rules``, ``raw``, ``outcome``, ``unexpected``, ``of_another_day``,
    ``ingested_at`` and the address.
    """
    mine = lines.where(F.col("data_set") == data_set)
    if data_set == DEAD_LETTER:
        return _dead_letters(mine, day)
    declared = dataset(data_set)
    addressed = with_kafka_address(
        with_record(mine, declared, KAFKA_FIELDS), F.lit(layout.topic(day.pipeline_id, data_set))
    )
    judged = with_outcome(with_redelivered(with_checks(addressed, declared), _ADDRESS), _LOG_ORDER)
    start, milliseconds = F.lit(f"{day.day}T00:00:00Z").cast("timestamp"), F.col("ingested_at")
    within = (milliseconds >= start) & (milliseconds < start + F.expr("INTERVAL 24 HOURS"))
    return judged.select(
        "data_set",
        "key",
        "content",
        F.when(F.col("outcome") == QUARANTINED, F.col("rules")).alias("rules"),
        F.when(F.col("outcome") == QUARANTINED, raw_text()).alias("raw"),
        "outcome",
        F.when(F.col("outcome") == CLEAN, F.col("unexpected")).alias("unexpected"),
        F.coalesce(~within, F.lit(False)).alias("of_another_day"),
        "ingested_at",
        *_ADDRESS,
    )


def _dead_letters(lines: DataFrame, day: Day) -> DataFrame:
    names = F.array().cast("array<string>")
    return lines.select(
        "data_set",
        F.lit(None).cast("string").alias("key"),
        F.array(F.lit(UNPARSABLE.name)).alias("rules"),
        raw_text().alias("raw"),
        F.lit(QUARANTINED).alias("outcome"),
        names.alias("unexpected"),
        F.lit(False).alias("of_another_day"),
        F.lit(None).cast("timestamp").alias("ingested_at"),
        F.lit(raw_objects.topics(day.pipeline_id)[DEAD_LETTER]).alias("topic"),
        file_partition().alias("partition"),
        file_offset().alias("offset"),
    )


def _count(
    lines: DataFrame, judged: Mapping[str, DataFrame], day: Day, objects: Sequence[RawObject]
) -> tuple[dict[str, DataSetCounts], dict[str, int]]:
    """Count the lines that came in and the rows that came out, in the one Spark job that computes both.

    Lines are counted before any rule and any window, so that the equation compares two counts made apart.
    """
    nothing = F.lit(None).cast("array<string>")
    rows_in = lines.select(
        "data_set", F.lit(_READ).alias("outcome"), "file", nothing.alias("rules"), nothing.alias("unexpected"),
        F.lit(False).alias("of_another_day"),
    )  # fmt: skip
    rows_out = [
        frame.select(
            "data_set", "outcome", F.lit(None).cast("string").alias("file"), "rules", "unexpected", "of_another_day"
        )
        for frame in judged.values()
    ]
    groups = reduce(DataFrame.unionByName, [rows_in, *rows_out])
    counts = {name: DataSetCounts() for name in DATA_SETS}
    files: list[tuple[str, int]] = []
    for row in groups.groupBy(*groups.columns).count().collect():
        of = counts[row.data_set]
        if row.outcome == _READ:
            of.read += row["count"]
            files.append((row.file, row["count"]))
        else:
            of.add(row.outcome, row.rules or (), row.unexpected or (), row.of_another_day, row["count"])
    return counts, raw_objects.lines_by_key(files, day.root, objects)


def _warnings(
    day: Day, counts: Mapping[str, DataSetCounts], judged: Mapping[str, DataFrame]
) -> Iterable[dict[str, Any]]:
    for name, of in counts.items():
        for column, rows in sorted(of.unexpected.items()):
            yield from _unexpected_values(judged[name], name, column, rows)
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


def _publish(
    spark: SparkSession,
    day: Day,
    judged: Mapping[str, DataFrame],
    metrics: Iterable[tuple[str, str, str | None, int]],
) -> dict[str, int]:
    """Commit the day table by table, in the order of :data:`include.layout.BATCH_TABLES`; return the versions made."""
    quarantined = [
        frame.where(F.col("outcome") == QUARANTINED).drop("content", "unexpected") for frame in judged.values()
    ]
    frames = {
        "quarantine": reduce(DataFrame.unionByName, quarantined),
        **{
            name: judged[name].where(F.col("outcome") == CLEAN).select("content.*", "ingested_at", *_ADDRESS)
            for name in DATASETS
        },
        "metrics": _metrics(spark, metrics, day.run_id),
    }
    versions = {}
    for name in layout.BATCH_TABLES:
        versions[name] = tables.replace_day(frames[name], day.lake, name, day.day, note=day.run_id)
        log.info("day %s: committed %s as version %s", day.day, name, versions[name])
    return versions


def _metrics(spark: SparkSession, rows: Iterable[tuple[str, str, str | None, int]], run_id: str) -> DataFrame:
    """Return the metrics as a frame, built by expressions, as rows from Python start a worker."""
    structs = [
        F.struct(
            F.lit(data_set).alias("data_set"),
            F.lit(metric).alias("metric"),
            F.lit(detail).cast("string").alias("detail"),
            F.lit(value).cast("bigint").alias("value"),
        )
        for data_set, metric, detail, value in rows
    ]
    return spark.range(1).select(F.inline(F.array(*structs))).withColumn("run_id", F.lit(run_id))
