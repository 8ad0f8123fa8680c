"""Job ``maintain_tables``: compacts the batch layer's tables, and removes files that no version of late needs.

It is a task of the Databricks job that cleans days, so that the two wait for each other: each table has one writer.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from botocore.config import Config
from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from include import layout
from spark_jobs import tables
from spark_jobs.aws_session import add_arguments, aws_session
from spark_jobs.driver_log import log_to_driver
from spark_jobs.receipts import put_receipt

JOB = "maintain_tables"
SHORTEST_RETENTION_DAYS = 7  # Delta's own: whoever reads an older version, or began to write, is done by then

_TIMEOUTS = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})
_SIDE_BY_SIDE = 3  # listing a table's files mostly waits for the store
_HOURS_A_DAY = 24
_SETTINGS = {
    # What VACUUM removed stands in the table's history only. Delta leaves that out on S3, where it would take commits
    # of two writers at once for possible; each table has one.
    "spark.databricks.delta.vacuum.logging.enabled": "true",
    # VACUUM lists a table's folders in so many tasks; by default in ten thousand.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "8",
}

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job with the command line's arguments."""
    options = _options(arguments)
    log_to_driver()
    started_at = datetime.now(UTC)
    spark = SparkSession.builder.appName(JOB).getOrCreate()
    maintained = maintain_tables(spark, options.lake, options.retention_days)
    receipt = {
        "job": JOB,
        "run_id": options.run_id,
        "started_at": started_at.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "retention_days": options.retention_days,
        "tables": maintained,
    }
    s3 = aws_session(options.region, options.service_credential).client("s3", config=_TIMEOUTS)
    key = put_receipt(s3, options.bucket, JOB, None, receipt)
    log.info("%d tables maintained; receipt s3://%s/%s", len(maintained), options.bucket, key)


def maintain_tables(spark: SparkSession, lake: str, retention_days: int) -> dict[str, dict[str, Any]]:
    """Compact and vacuum every table of the batch layer; return for each what :func:`maintain_table` does.

    :param lake: root of the Delta tables.
    :param retention_days: files that a version of so many days needs stay.
    :raises spark_jobs.tables.TableSchemaError: when a table is not there as declared; nothing is changed.
    """
    tables.require(spark, lake, "batch", layout.BATCH_TABLES)
    for name, value in _SETTINGS.items():
        spark.conf.set(name, value)

    def maintain(name: str) -> dict[str, Any]:
        done = maintain_table(spark, layout.table_path(lake, "batch", name), retention_days)
        log.info("batch.%s: %s", name, done)
        return done

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return dict(zip(layout.BATCH_TABLES, pool.map(maintain, layout.BATCH_TABLES), strict=True))


def maintain_table(spark: SparkSession, path: str, retention_days: int) -> dict[str, Any]:
    """Compact a table, then remove the files that no version within the retention needs.

    Compaction rewrites a day only where several small files hold it, marked as no change of data: rows stay the same,
    and so does every older version until its files are vacuumed.

    :param path: the table's location.
    :param retention_days: see :func:`maintain_tables`.
    :return: live ``files`` and ``bytes``, each ``before`` and ``after``; how many files were ``compacted`` into how
        many in how many ``days``; number and bytes of the files ``vacuumed``; the ``version`` that is left.
    """
    table = DeltaTable.forPath(spark, path)
    before = table.detail().select("numFiles", "sizeInBytes").first()
    compacted = table.optimize().executeCompaction().select("metrics.*").first()
    table.vacuum(retention_days * _HOURS_A_DAY)
    after = table.detail().select("numFiles", "sizeInBytes").first()
    vacuumed = {row.operation: row for row in table.history(2).collect()}
    return {
        "files": {"before": before.numFiles, "after": after.numFiles},
        "bytes": {"before": before.sizeInBytes, "after": after.sizeInBytes},
        "compacted": {
            "days": compacted.partitionsOptimized,
            "files": compacted.numFilesRemoved,
            "into": compacted.numFilesAdded,
        },
        "vacuumed": {
            "files": int(vacuumed["VACUUM END"].operationMetrics["numDeletedFiles"]),
            "bytes": int(vacuumed["VACUUM START"].operationMetrics["sizeOfDataToDelete"]),
        },
        "version": max(row.version for row in vacuumed.values()),
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=JOB, description=__doc__)
    parser.add_argument("--bucket", required=True, help="bucket of the receipt")
    parser.add_argument("--lake", required=True, help="root of the Delta tables, such as s3://<bucket>/delta")
    parser.add_argument("--retention-days", required=True, type=_days, help="age up to which versions can be read")
    parser.add_argument("--run-id", required=True, help="names the run in the receipt")
    add_arguments(parser)
    return parser.parse_args(arguments)


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) < SHORTEST_RETENTION_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days of {SHORTEST_RETENTION_DAYS} or more")
    return int(text)


if __name__ == "__main__":
    main()
