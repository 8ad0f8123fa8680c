"""One run of the stream, from the start of its query to its end: upkeep meanwhile, and a stop that cuts nothing off."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery

from include import layout
from spark_jobs import tables
from spark_jobs.between_batches import BetweenBatches
from spark_jobs.driver_log import in_short
from spark_jobs.expired_logs import ExpiredLogs
from spark_jobs.heartbeat import Heartbeat
from spark_jobs.micro_batch import BatchColumns, MicroBatches
from spark_jobs.speed_upkeep import SpeedUpkeep
from spark_jobs.stream_control import StreamControl
from spark_jobs.stream_counts import StreamCounts

_LOOK_S = 0.5
_COMMIT_WITHIN_S = 20.0
_METRICS_WITHIN_S = 60.0
_MB = 1 << 20

# What the session needs where it runs: nothing here depends on the platform.
_SESSION = {
    # Plans are small and known; planning them again while they run costs more than it saves.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",  # else 200 tasks for the few rows of each count
    "spark.sql.session.timeZone": "UTC",
    # What a restart needs is the last micro-batch; each keeps two objects in the checkpoint.
    "spark.sql.streaming.minBatchesToRetain": "20",
    # A file that has grown to the first size is left alone, or a day's compactions would write its rows over and over.
    "spark.databricks.delta.optimize.minFileSize": str(16 * _MB),
    "spark.databricks.delta.optimize.maxFileSize": str(64 * _MB),
    # VACUUM lists a table's folders in so many tasks; by default in ten thousand.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
}

log = logging.getLogger(__name__)


class StreamError(RuntimeError):
    """The query ended by itself; the message says why."""


@dataclass(frozen=True)
class Stream:
    """What is to run.

    :param lake: root of the Delta tables.
    :param checkpoint: location of the query's checkpoint.
    :param trigger_ms: least time from the start of one micro-batch to that of the next, in milliseconds.
    :param run_id: names the run in the tables' history and in the metrics.
    :param retention: how old a record may be that is read.
    :param logs: removes the tables' expired log entries, ``None`` where that is not the stream's affair.
    """

    lake: str
    checkpoint: str
    trigger_ms: int
    run_id: str
    retention: timedelta
    logs: ExpiredLogs | None = None


def configure(spark: SparkSession) -> None:
    """Set what the session needs."""
    for name, value in _SESSION.items():
        spark.conf.set(name, value)


def require_tables(spark: SparkSession, lake: str) -> list[str]:
    """See that the tables of the speed layer are there; return those of an earlier version, which lack columns.

    :raises spark_jobs.tables.TableSchemaError: when one is not there, or not as declared.
    """
    with ThreadPoolExecutor(len(layout.BATCH_TABLES), "table") as pool:
        missing = pool.map(lambda name: tables.missing_columns(spark, lake, "speed", name), layout.BATCH_TABLES)
        return [name for name, columns in zip(layout.BATCH_TABLES, missing, strict=True) if columns]


def run_stream(
    records: DataFrame, columns: BatchColumns, stream: Stream, heartbeat: Heartbeat, control: StreamControl
) -> None:
    """Clean ``records`` into the speed layer until ``control`` says stop; return when all has ended well.

    No other run may be at work on the tables any more.

    :param records: a streaming frame with the columns of the source ``kinesis``.
    :param columns: what is made of each micro-batch.
    :raises StreamError: when the query fails.
    :raises spark_jobs.stream_control.TakenOverError: when another run has taken over.
    """
    spark = records.sparkSession
    tables.set_properties(spark, stream.lake, "speed", layout.BATCH_TABLES)
    between = BetweenBatches()
    upkeep = SpeedUpkeep(spark, stream.lake, stream.run_id, stream.retention, stream.logs)

    def completed(batch_id: int, counts: StreamCounts, duration_s: float) -> None:
        upkeep.appended(counts)
        heartbeat.complete_batch(batch_id, counts, duration_s)

    batches = MicroBatches(spark, stream.lake, stream.run_id, columns, between, completed)
    writer = records.writeStream.queryName("clean_stream").foreachBatch(batches)
    writer = writer.option("checkpointLocation", stream.checkpoint)
    query = writer.trigger(processingTime=f"{stream.trigger_ms} milliseconds").start()
    log.info("query %s begins, checkpoint %s", query.id, stream.checkpoint)
    heartbeat.change(state="running", query_id=str(query.id))
    try:
        while query.isActive and not control.stop.wait(_LOOK_S):
            upkeep.step()
        if control.stop.is_set() and not control.at_once and query.isActive:
            heartbeat.change(state="stopping", stopping_because=control.because)
            log.info("stopping after the present micro-batch: %s", control.because)
    finally:
        _stop(spark, query, between, batches, control)
    control.raise_if_taken_over()
    _raise_failure(query, batches)
    _derive_metrics(upkeep)


def _stop(
    spark: SparkSession, query: StreamingQuery, between: BetweenBatches, batches: MicroBatches, control: StreamControl
) -> None:
    """End the query between two micro-batches: neither cut off one at work nor the note that it is done.

    Where another run has taken over it is cut off.
    """
    between.close()
    while between.at_work and not control.at_once:
        time.sleep(0.02)
    deadline = time.monotonic() + _COMMIT_WITHIN_S
    while (
        query.isActive
        and not control.at_once
        and not _committed(query, batches.last_id)
        and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    if control.at_once:
        between.close(at_once=True)
        spark.sparkContext.cancelAllJobs()
    between.stopping.set()
    query.stop()


def _derive_metrics(upkeep: SpeedUpkeep) -> None:
    """Derive the metrics once more; the run has ended well without them too, and the next one derives them."""

    def derive() -> None:
        try:
            upkeep.derive_metrics()
        except Exception:
            log.exception("the metrics of the last micro-batches were not derived; the next run does it")

    deriving = Thread(target=derive, name="metrics", daemon=True)
    deriving.start()
    deriving.join(_METRICS_WITHIN_S)
    if deriving.is_alive():
        log.warning("the metrics were not derived in %d s; the next run does it", _METRICS_WITHIN_S)


def _committed(query: StreamingQuery, batch_id: int | None) -> bool:
    progress = query.lastProgress
    return batch_id is None or (progress is not None and progress["batchId"] >= batch_id)


def _raise_failure(query: StreamingQuery, batches: MicroBatches) -> None:
    failure = batches.error or query.exception()
    if failure is not None:
        raise StreamError(in_short(failure)) from failure
