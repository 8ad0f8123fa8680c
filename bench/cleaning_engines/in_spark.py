"""The day cleaned by the project's own job code on Spark, as the job runs it; arguments: root of the raw day, lake.

With ``create`` in place of the root it makes the tables, which another job does in the pipeline.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

from pyspark.sql import SparkSession

from bench.cleaning_engines.serving import DAY, PIPELINE_ID, serve
from include import layout
from spark_jobs import tables
from spark_jobs.day_cleaning import Day, clean_day
from spark_jobs.driver_log import log_to_driver
from spark_jobs.raw_objects import RawObject


def main(root: str, lake: str) -> None:
    """Serve cleanings of the day under ``root`` into Delta tables under ``lake``."""
    log_to_driver()
    spark = SparkSession.builder.appName("bench").getOrCreate()
    if root == "create":
        for name in layout.BATCH_TABLES:
            tables.create(spark, lake, "batch", name)
        return
    day = Day(DAY, f"file://{root}", lake, PIPELINE_ID, superseded_share=1.0, run_id="bench")
    serve(lambda: clean_day(spark, day, list(_objects(Path(root))))["data_sets"]["pin"])


def _objects(root: Path) -> Iterator[RawObject]:
    prefix = root / layout.raw_prefix(layout.topic(PIPELINE_ID, "pin"), DAY)
    for path in sorted(prefix.iterdir()):
        etag = md5(path.name.encode(), usedforsecurity=False).hexdigest()
        yield RawObject("pin", str(path.relative_to(root)), etag, path.stat().st_size)


if __name__ == "__main__":
    main(*sys.argv[1:])
