"""Records that the speed layer has already: which micro-batches may bring some again, and what of those is new.

A run begins with the batch that the run before it was at, of which some tables may have got their rows. A query that is
new, as its checkpoint is, begins with the oldest records, which a query before it may have cleaned.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from include import layout
from spark_jobs import tables
from spark_jobs.tables import BatchMark

log = logging.getLogger(__name__)


class Redelivery:
    """Knows from the marks of the commits how far the tables were when the run began.

    :param spark: session.
    :param lake: root of the Delta tables.
    """

    def __init__(self, spark: SparkSession, lake: str) -> None:
        self._spark = spark
        self._lake = lake
        with ThreadPoolExecutor(len(tables.ROW_TABLES), "mark") as pool:
            found = pool.map(lambda name: tables.last_batch(spark, lake, name), tables.ROW_TABLES)
            self._last = [mark for mark in found if mark]
        self._held_until: dict[str, str | None] = {}  # by query

    def mark(self, query: str, batch: int, run: str) -> BatchMark:
        """Return what the commits of a micro-batch are to carry."""
        if query not in self._held_until:
            own = [mark for mark in self._last if mark.query == query]
            newest = max(own, key=lambda mark: mark.batch).held_until if own else self._newest(query)
            self._held_until[query] = newest
        return BatchMark(query, batch, run, self._held_until[query])

    def suspects(self, mark: BatchMark, oldest: datetime) -> bool:
        """Return whether tables may have records of a micro-batch: one that they reached, or old enough.

        :param oldest: arrival of the batch's oldest record.
        """
        if any(mark.reached(last) for last in self._last):
            return True
        return mark.held_until is not None and oldest <= datetime.fromisoformat(mark.held_until)

    def only_new(self, judged: DataFrame, days: Collection[str]) -> tuple[DataFrame, Counter[tuple[str, str]]]:
        """Return the rows of a micro-batch that no table has, and the number of the others by data set and day.

        Whatever the rules were by which a record was judged before: it is known by its address.

        :param judged: the batch's judged rows, kept.
        :param days: their days, ``YYYY-MM-DD``: of others nothing is read.
        """
        address = tables.address("speed")
        of_days = F.col(tables.PARTITION).isin(*(F.lit(day).cast("date") for day in sorted(days)))
        held = reduce(DataFrame.union, (self._table(name).where(of_days) for name in tables.ROW_TABLES))
        # The batch is small and the tables need not be: it goes to them.
        found = held.join(F.broadcast(judged.select(*address)), address, "left_semi").localCheckpoint()
        new = judged.join(F.broadcast(found), address, "left_anti").localCheckpoint()
        repeated = judged.join(F.broadcast(found), address, "left_semi")
        groups = repeated.groupBy("data_set", F.col(tables.PARTITION).cast("string").alias("day")).count()
        others = Counter({(group.data_set, group.day): group["count"] for group in groups.collect()})
        if others:
            log.warning("%d records of a micro-batch were in the tables already: not appended again", others.total())
        return new, others

    def _newest(self, query: str) -> str | None:
        arrivals = reduce(DataFrame.union, (self._table(name).select("ingested_at") for name in tables.ROW_TABLES))
        newest_us = arrivals.agg(F.max(F.unix_micros("ingested_at"))).first()[0]
        if newest_us is None:
            return None
        newest = datetime.fromtimestamp(newest_us / 1e6, UTC).isoformat()
        log.warning(
            "query %s is new to tables that hold records up to %s: its records up to then are looked up, and those "
            "that the tables have are not appended again",
            query,
            newest,
        )
        return newest

    def _table(self, name: str) -> DataFrame:
        table = self._spark.read.format("delta").load(layout.table_path(self._lake, "speed", name))
        return table.select(*tables.address("speed"), "ingested_at", tables.PARTITION)
