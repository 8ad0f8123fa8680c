"""One micro-batch of the stream: judged once, counted, and appended to each table that gets rows, once and only once.

A kill at any moment leads to the same batch again, of the same records: the query's checkpoint holds which they are.
Each commit says which batch it holds, so that the next run knows which records the tables may have already.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from py4j.protocol import Py4JJavaError
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from include.schema import DATASETS, RESCUED_COLUMN, dataset
from spark_jobs import tables
from spark_jobs.between_batches import BetweenBatches, StoppingError
from spark_jobs.day_counts import EquationError
from spark_jobs.redelivery import Redelivery
from spark_jobs.stream_counts import StreamCounts, check_equation
from spark_jobs.stream_judging import judge_records, judging
from spark_jobs.tables import QUARANTINE, ROW_TABLES, BatchMark

_QUERY_ID = "sql.streaming.queryId"  # the local property in which Spark tells it
_STOP_WITHIN_S = 120
_INTERRUPTED_WITHIN_MS = 2_000

Completed = Callable[[int, StreamCounts, float], None]


class MissingQueryIdError(RuntimeError):
    """Spark did not tell which query a micro-batch is of, so it is not known what the tables have of it."""


class BatchColumns:
    """The columns of what is made of each micro-batch.

    Made once: each costs calls into the JVM, all together more than a micro-batch of a few rows otherwise takes.
    """

    def __init__(self) -> None:
        self.one_each = F.count(F.lit(1)).alias("records")
        self.judging = judging()
        self.groups = groups()
        self.rows = {name: rows_for(name) for name in ROW_TABLES}


class MicroBatches:
    """What ``foreachBatch`` calls.

    :param spark: session.
    :param lake: root of the Delta tables.
    :param run_id: is kept with each commit.
    :param columns: what is made of each batch.
    :param between: admits one batch at a time.
    :param completed: is told number, counts and duration in seconds of each batch that held records.
    """

    def __init__(
        self,
        spark: SparkSession,
        lake: str,
        run_id: str,
        columns: BatchColumns,
        between: BetweenBatches,
        completed: Completed,
    ) -> None:
        self._lake = lake
        self._run_id = run_id
        self._between = between
        self._completed = completed
        self._columns = columns
        self._side_by_side = ThreadPoolExecutor(len(ROW_TABLES), "append")
        self._redelivery = self._side_by_side.submit(Redelivery, spark, lake)  # while the query begins
        self.last_id: int | None = None
        self.error: Exception | None = None  # why a batch failed: Spark hands on no more than its text

    def __call__(self, records: DataFrame, batch_id: int) -> None:
        """Process a micro-batch.

        :raises spark_jobs.between_batches.StoppingError: when the stream is about to stop; nothing was done.
        :raises spark_jobs.day_counts.EquationError: when rows got lost or doubled; nothing was published.
        """
        try:
            with self._between.batch():
                self._process(records, batch_id)
                self.last_id = batch_id
        except StoppingError:
            _await_the_stop(records.sparkSession, self._between)
            raise
        except Exception as error:
            self.error = error
            raise

    def _process(self, records: DataFrame, batch_id: int) -> None:
        started = time.monotonic()
        observation = Observation()
        judged = judge_records(records.observe(observation, self._columns.one_each), self._columns.judging)
        judged = judged.localCheckpoint(eager=True)
        counts = count(judged, *self._columns.groups)
        if not counts.accounted():
            # Of a plan that turns out to be empty Spark drops the observation too, which would be waited for.
            if not records.isEmpty():
                raise EquationError(f"micro-batch {batch_id}: all of its rows got lost; nothing of it was published")
            return
        counts.read = observation.get["records"]
        redelivery = self._redelivery.result()
        mark = redelivery.mark(_query_id(records.sparkSession), batch_id, self._run_id)
        if counts.oldest_record_at and redelivery.suspects(mark, counts.oldest_record_at):
            judged, counts = self._only_new(redelivery, judged, counts)
        check_equation(batch_id, counts)
        self._between.check()
        self._append(judged, counts, mark)
        self._completed(batch_id, counts, time.monotonic() - started)

    def _only_new(
        self, redelivery: Redelivery, judged: DataFrame, counts: StreamCounts
    ) -> tuple[DataFrame, StreamCounts]:
        new, redelivered = redelivery.only_new(judged, counts.days)
        left = count(new, *self._columns.groups)
        told = replace(
            counts,
            appended=left.appended,
            quarantined=left.quarantined,
            rules=left.rules,
            redelivered=redelivered,
        )
        return new, told

    def _append(self, judged: DataFrame, counts: StreamCounts, mark: BatchMark) -> None:
        """Append to the tables that get rows.

        Returns once all have ended; raises what the first of those that failed did.
        """

        def append(name: str) -> None:
            condition, columns = self._columns.rows[name]
            tables.append(judged.where(condition).select(*columns), self._lake, name, mark)

        names = [name for name in DATASETS if counts.appended[name]]
        names += [QUARANTINE] if counts.quarantined else []
        appending = [self._side_by_side.submit(append, name) for name in names]
        wait(appending)
        for ended in appending:
            ended.result()


def rows_for(name: str) -> tuple[Column, list[Column]]:
    """Return which of a batch's judged rows are for a table of the speed layer, and what to select of them."""
    good = F.size("rules") == 0
    of_struct = () if name == QUARANTINE else [*(column.name for column in dataset(name).clean), RESCUED_COLUMN]
    columns = [
        (F.col(name)[column] if column in of_struct else F.col(column)).cast(type_name).alias(column)
        for column, type_name in tables.columns("speed", name)
    ]
    return (~good if name == QUARANTINE else good & (F.col("data_set") == name)), columns


def groups() -> tuple[list[Column], list[Column]]:
    """Return what :func:`count` groups by, and what it tells of each group."""
    shared = ("data_set", "rules", "stream", "shard", tables.PARTITION)
    number = F.col("sequence_number")
    told = [
        F.count(F.lit(1)).alias("rows"),
        F.max(F.struct(F.length(number), number)).getField("sequence_number").alias("last"),
        F.min(F.unix_micros("ingested_at")).alias("oldest_us"),
        F.max(F.unix_micros("ingested_at")).alias("newest_us"),
    ]
    return [F.col(name) for name in shared], told


def count(judged: DataFrame, shared: list[Column], told: list[Column]) -> StreamCounts:
    """Count judged rows in one Spark job; ``read`` is for the caller, who has counted the records.

    :param shared: of :func:`groups`; ``told`` likewise.
    """
    counts = StreamCounts()
    for group in judged.coalesce(1).groupBy(*shared).agg(*told).collect():  # a shuffle would cost more than it spreads
        counts.add_rows(group.data_set, group.rules, group.rows)
        counts.add_position(group.stream, group.shard, group["last"])
        counts.add_arrivals(*(datetime.fromtimestamp(us / 1e6, UTC) for us in (group.oldest_us, group.newest_us)))
        counts.days.add(group[tables.PARTITION].isoformat())
    return counts


def _query_id(spark: SparkSession) -> str:
    query_id: str | None = spark.sparkContext.getLocalProperty(_QUERY_ID)
    if not query_id:
        raise MissingQueryIdError(
            f"Spark's local property {_QUERY_ID} is {query_id!r} within a micro-batch: it is to name the query, by "
            "which the tables know what they have got; nothing of the batch was published"
        )
    return query_id


def _await_the_stop(spark: SparkSession, between: BetweenBatches) -> None:
    """Let the query's own thread wait until the stop interrupts it, and say so in the words that Spark knows.

    Any other error it would log, with its trace, as one that ended the stream. An interrupt that comes while the thread
    is on its way here is lost at times: a moment after the query was told to stop it counts as come.

    :raises InterruptedError: when the query was told to stop.
    """
    if not between.stopping.wait(_STOP_WITHIN_S):
        return
    with suppress(Py4JJavaError):
        spark.sparkContext._jvm.java.lang.Thread.sleep(_INTERRUPTED_WITHIN_MS)
    told = "py4j.protocol.Py4JJavaError: An error occurred while calling sleep: java.lang.InterruptedException"
    raise InterruptedError(told)
