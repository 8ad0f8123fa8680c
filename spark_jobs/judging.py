"""A data set's raw objects of a day to judged rows: each line once, with its outcome, content or broken rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from include import layout
from include.outcomes import CLEAN, QUARANTINED
from include.schema import UNPARSABLE, dataset
from spark_jobs import raw_objects
from spark_jobs.checks import with_checks
from spark_jobs.duplicates import with_outcome, with_redelivered
from spark_jobs.raw_objects import DEAD_LETTER, RawObject
from spark_jobs.records import KAFKA_FIELDS, file_offset, file_partition, raw_text, with_kafka_address, with_record

ADDRESS = ("topic", "partition", "offset")

_LOG_ORDER = ("ingested_at", "partition", "offset", "topic")


@dataclass(frozen=True)
class Judged:
    """The rows of a data set on a day, computed once and kept by Spark.

    :param rows: see :func:`judge`; its plan is nothing but the rows that are kept.
    :param read: lines read, counted before any rule and any window.
    """

    rows: DataFrame
    read: int


def judge_objects(
    spark: SparkSession, root: str, pipeline_id: str, day: str, data_set: str, objects: Sequence[RawObject]
) -> Judged:
    """Read the objects of a data set once and judge their lines, now.

    The rows are kept as a local checkpoint rather than a cache: whatever is made from them later is planned without
    the rules, and no object is ever read again, whatever becomes of it meanwhile. They are kept on disk: in memory they
    would take what sorting and writing a large day need.

    :param root: what the objects' keys stand under, ``s3://<bucket>``.
    :param day: UTC day, ``YYYY-MM-DD``.
    :param objects: at least one that holds a line, and none that Spark ignores.
    """
    counting = Observation(f"read {data_set}")
    lines = raw_objects.read_lines(spark, root, data_set, objects)
    observed = lines.observe(counting, F.count(F.lit(1)).alias("lines"))
    rows = judge(observed, data_set, pipeline_id, day).localCheckpoint(eager=True, storageLevel=StorageLevel.DISK_ONLY)
    # Of a plan that turns out to be empty adaptive execution drops the count too, which would be waited for for ever.
    return Judged(rows, 0 if rows.isEmpty() else counting.get["lines"])


def judge(lines: DataFrame, data_set: str, pipeline_id: str, day: str) -> DataFrame:
    """Return each line of a data set with its outcome, clean content or broken rules, and address.

    Columns: ``data_set``, ``file``, ``key``, ``content``, ``rules``, ``raw``, ``outcome``, ``unexpected``,
    ``of_another_day``, ``ingested_at`` and the address; a dead letter has no ``content``.
    """
    if data_set == DEAD_LETTER:
        return _dead_letters(lines, pipeline_id)
    declared = dataset(data_set)
    topic = F.lit(layout.topic(pipeline_id, data_set))
    addressed = with_kafka_address(with_record(lines, declared, KAFKA_FIELDS), topic)
    judged = with_outcome(with_redelivered(with_checks(addressed, declared), ADDRESS), _LOG_ORDER)
    start, logged = F.lit(f"{day}T00:00:00Z").cast("timestamp"), F.col("ingested_at")
    within = (logged >= start) & (logged < start + F.expr("INTERVAL 24 HOURS"))
    return judged.select(
        F.lit(data_set).alias("data_set"),
        "file",
        "key",
        F.when(F.col("outcome") == CLEAN, F.col("content")).alias("content"),
        F.when(F.col("outcome") == QUARANTINED, F.col("rules")).alias("rules"),
        F.when(F.col("outcome") == QUARANTINED, raw_text()).alias("raw"),
        "outcome",
        F.when(F.col("outcome") == CLEAN, F.col("unexpected")).alias("unexpected"),
        F.coalesce(~within, F.lit(False)).alias("of_another_day"),
        "ingested_at",
        *ADDRESS,
    )


def _dead_letters(lines: DataFrame, pipeline_id: str) -> DataFrame:
    return lines.select(
        F.lit(DEAD_LETTER).alias("data_set"),
        "file",
        F.lit(None).cast("string").alias("key"),
        F.array(F.lit(UNPARSABLE.name)).alias("rules"),
        raw_text().alias("raw"),
        F.lit(QUARANTINED).alias("outcome"),
        F.array().cast("array<string>").alias("unexpected"),
        F.lit(False).alias("of_another_day"),
        F.lit(None).cast("timestamp").alias("ingested_at"),
        F.lit(raw_objects.topics(pipeline_id)[DEAD_LETTER]).alias("topic"),
        file_partition().alias("partition"),
        file_offset().alias("offset"),
    )
