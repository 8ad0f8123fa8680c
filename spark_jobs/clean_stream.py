"""Job ``clean_stream``: cleans records of the Kinesis streams into the speed layer, micro-batch by micro-batch.

It runs until it is to stop, as control objects in S3 say, and tells how it is by its heartbeat.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING

from botocore.config import Config
from pyspark.sql import DataFrame, SparkSession

from include import layout
from spark_jobs import kinesis_source, tables
from spark_jobs.aws_session import aws_session
from spark_jobs.driver_log import log_to_driver
from spark_jobs.expired_logs import ExpiredLogs
from spark_jobs.heartbeat import Heartbeat, Pulse
from spark_jobs.micro_batch import BatchColumns
from spark_jobs.stream_control import StreamControl
from spark_jobs.stream_epoch import creation_times, epoch_of, known_epochs, longest_retention, reason_to_change
from spark_jobs.stream_run import Stream, configure, require_tables, run_stream

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_kinesis import KinesisClient

JOB = "clean_stream"

# What a beat asks or writes is not tried again: the next beat does that.
_OF_BEATS = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 1})
_TIMEOUTS = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_EPOCH_EVERY_S = 60.0
_LOOK_S = 0.2
# Of the built-in source the defaults bound no batch: it hands over all that it has prefetched.
_BATCH_BOUNDS = {"fetchBufferSize": "64mb", "maxFetchDuration": "1s", "maxFetchRate": "2.0"}

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job with the command line's arguments."""
    options = _options(arguments)
    log_to_driver()
    aws = aws_session(options.region, options.service_credential)
    control = StreamControl(aws.client("s3", config=_OF_BEATS), options.bucket, options.version)
    heartbeat = Heartbeat(
        aws.client("s3", config=_OF_BEATS),
        options.bucket,
        Pulse(JOB, options.run_id, options.version),
        options.heartbeat_s,
        control.look,
        control.give_way,
    )
    control.look()
    if control.stop.is_set():
        log.info("nothing is begun: %s", control.because)
        heartbeat.end("stopped", stopping_because=control.because)
        return
    heartbeat.start()
    try:
        _clean(options, aws, heartbeat, control)
    except BaseException as error:
        heartbeat.end("failed", error=str(error) if isinstance(error, Exception) else "interrupted")
        raise
    heartbeat.end("stopped", stopping_because=control.because)
    log.info("stopped: %s", control.because)


def spark_session(name: str) -> SparkSession:
    """Return the session; beginning it takes seconds and is left until it is known that there is something to do."""
    session: SparkSession = SparkSession.builder.appName(name).getOrCreate()
    return session


def _clean(options: argparse.Namespace, aws: boto3.Session, heartbeat: Heartbeat, control: StreamControl) -> None:
    kinesis = aws.client("kinesis", config=_TIMEOUTS)
    s3 = aws.client("s3", config=_TIMEOUTS)
    epoch = epoch_of(creation_times(kinesis, options.streams))
    _tell_epoch(epoch, known_epochs(s3, options.bucket, JOB))
    heartbeat.change(epoch=epoch)
    Thread(target=_watch_epoch, args=(kinesis, options.streams, epoch, control), name="epoch", daemon=True).start()
    spark = spark_session(f"{options.pipeline_id} {JOB}")
    configure(spark)
    with ThreadPoolExecutor(2, "start") as pool:  # each waits for the JVM most of the time
        records, columns = pool.submit(_records, spark, options), pool.submit(BatchColumns)
        of_earlier_version = require_tables(spark, options.lake)
    while not (heartbeat.alone.wait(_LOOK_S) or control.stop.is_set()):
        pass  # another run is at work, or was until a moment ago
    control.raise_if_taken_over()
    if control.stop.is_set():
        return
    tables.add_columns(spark, options.lake, "speed", of_earlier_version)
    stream = Stream(
        lake=options.lake,
        checkpoint=f"s3://{options.bucket}/{layout.checkpoint_prefix(JOB)}{epoch}",
        trigger_ms=options.trigger_ms,
        run_id=options.run_id,
        retention=longest_retention(kinesis, options.streams),
        logs=None if tables.cleans_its_logs() else ExpiredLogs(s3, options.lake),
    )
    run_stream(records.result(), columns.result(), stream, heartbeat, control)


def _watch_epoch(kinesis: KinesisClient, streams: Sequence[str], epoch: str, control: StreamControl) -> None:
    while not control.stop.wait(_EPOCH_EVERY_S):
        if because := reason_to_change(kinesis, streams, epoch):
            control.end(because)


def _tell_epoch(epoch: str, known: Sequence[str]) -> None:
    if epoch in known:
        log.info("epoch %s: its checkpoint goes on", epoch)
    elif known:
        log.warning(
            "epoch %s has no checkpoint, others have: %s. A stream was created anew, or other streams are read: a new "
            "checkpoint, from the oldest record on",
            epoch,
            ", ".join(known),
        )
    else:
        log.warning(
            "there is no checkpoint, of epoch %s or another: this is the first run, or they were removed; from the "
            "oldest record on",
            epoch,
        )


def _records(spark: SparkSession, options: argparse.Namespace) -> DataFrame:
    kinesis_source.register(spark)
    chosen = {
        "streamName": ",".join(options.streams),
        "region": options.region,
        "initialPosition": "trim_horizon",
        **_BATCH_BOUNDS,
        **({"serviceCredential": options.service_credential} if options.service_credential else {}),
    }
    return spark.readStream.format("kinesis").options(**chosen).load()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=JOB, description=__doc__)
    parser.add_argument("--streams", required=True, type=_names, help="Kinesis streams to read, comma-separated")
    parser.add_argument("--region", required=True, help="AWS region of the streams")
    parser.add_argument("--bucket", required=True, help="bucket of checkpoint, heartbeat and control objects")
    parser.add_argument("--lake", required=True, help="root of the Delta tables, such as s3://<bucket>/delta")
    parser.add_argument("--pipeline-id", required=True, help="names the Spark application")
    parser.add_argument("--trigger-ms", required=True, type=_milliseconds, help="least time between micro-batches")
    parser.add_argument("--heartbeat-s", required=True, type=_seconds, help="seconds between heartbeats")
    parser.add_argument("--version", required=True, help="what is deployed, for heartbeat and control")
    parser.add_argument("--run-id", required=True, help="names the run in heartbeat, metrics and table history")
    parser.add_argument("--service-credential", default="", help="Unity Catalog service credential, on Databricks only")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} are no streams: give their names, comma-separated")
    return names


def _milliseconds(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give whole milliseconds, 0 or more")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give whole seconds, 1 or more")
    return int(text)


if __name__ == "__main__":
    main()
