"""Kinesis data streams for open-source Spark, as Databricks has them built in: same format name, options and schema.

The **driver** fetches (:mod:`~spark_jobs.kinesis_source.feed`, with a :mod:`~spark_jobs.kinesis_source.cursor` for each
shard) when Spark asks how far the streams go, and hands the records on to the tasks
(:mod:`~spark_jobs.kinesis_source.arrow_rows`). How far each shard is read stands in the
:mod:`~spark_jobs.kinesis_source.offsets` of the checkpoint; a batch that was not completed is read again
(:mod:`~spark_jobs.kinesis_source.replay`), and what left retention unread is not passed over
(:mod:`~spark_jobs.kinesis_source.retention`).

A batch is what was new at a trigger, within bounds: ``Trigger.AvailableNow`` therefore reads one such batch.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_DATABRICKS = "DATABRICKS_RUNTIME_VERSION"  # set on each node of a cluster

log = logging.getLogger(__name__)


def register(spark: SparkSession) -> bool:
    """Make ``format("kinesis")`` known to a session, unless it is Databricks', which has one built in.

    :returns: whether it was registered.
    """
    if version := os.environ.get(_DATABRICKS):
        log.info("reading Kinesis by the source built into Databricks Runtime %s", version)
        return False
    from spark_jobs.kinesis_source.data_source import KinesisDataSource

    spark.dataSource.register(KinesisDataSource)
    return True
