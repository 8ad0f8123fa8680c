"""Repeats: of a record's address (redelivery), and of a key within a day."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from include.outcomes import CLEAN, IDENTICAL, QUARANTINED, REDELIVERED, SUPERSEDED


def with_redelivered(frame: DataFrame, address: Sequence[str]) -> DataFrame:
    """Add ``redelivered``: whether another row has the same address and comes first. Rows without an address never are.

    :param frame: has the columns of ``address``, ``addressed``, ``file`` and ``value``.
    """
    repeats = Window.partitionBy(*address, _apart(~F.col("addressed"))).orderBy("file", "value")
    return frame.withColumn("redelivered", F.col("addressed") & (F.row_number().over(repeats) > 1))


def with_outcome(frame: DataFrame, log_order: Sequence[str]) -> DataFrame:
    """Add ``outcome`` (:mod:`include.outcomes`): of the good rows of a key the last in the log stays.

    The others are ``identical`` when their clean content equals that of the row that stays, else ``superseded``.

    :param frame: has ``redelivered``, ``rules``, ``key``, ``content``, ``value`` and the columns of ``log_order``.
    """
    good = ~F.col("redelivered") & (F.size("rules") == 0)
    same_key = Window.partitionBy(F.when(good, F.col("key")), _apart(~good)).orderBy(*map(F.desc, log_order))
    last_content = F.first("content").over(same_key.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    return frame.withColumn(
        "outcome",
        F.when(F.col("redelivered"), REDELIVERED)
        .when(F.size("rules") > 0, QUARANTINED)
        .when(F.row_number().over(same_key) == 1, CLEAN)
        .when(F.col("content").eqNullSafe(last_content), IDENTICAL)
        .otherwise(SUPERSEDED),
    )


def _apart(others: Column) -> Column:
    """Return what spreads rows that are compared with none, which would all meet in one partition otherwise."""
    return F.when(others, F.xxhash64("value"))
