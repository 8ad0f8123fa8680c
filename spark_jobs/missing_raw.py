"""What to do where raw objects are gone that the last cleaning of a day has read, such as by their retention.

A day is replaced by what its raw objects hold now: cleaned from the rest, it would lose the rows of what is gone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from include import layout
from spark_jobs import tables
from spark_jobs.raw_objects import RawObject

REFUSE, ACCEPT = "refuse", "accept"

log = logging.getLogger(__name__)


class RawObjectsGoneError(RuntimeError):
    """A day cannot be cleaned again, as not all of its raw objects are there any more."""


# What a broken receipt means here: cleaning the day again is what mends it.
UNKNOWN_MANIFEST = (
    ": which raw objects the last cleaning has read is not known, so none of them is missed; the day is cleaned from "
    "those that are there"
)


def manifest_of(receipt: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Return key and lines of each raw object that a cleaning has read.

    :raises LookupError: when its receipt does not tell; ``TypeError`` or ``ValueError`` likewise.
    """
    return [(str(entry["key"]), int(entry["lines"])) for entry in receipt["manifest"]]


def refuse_or_accept(
    choice: str, day: str, last_receipt: Mapping[str, Any] | None, listed: Iterable[RawObject]
) -> None:
    """Compare a day's raw objects with those that its last cleaning has read.

    An object that was rewritten since, or that held no line, is not missed.

    :param choice: ``refuse``, or ``accept``: the day loses the rows of what is gone.
    :param day: UTC day, ``YYYY-MM-DD``.
    :param last_receipt: the day's receipt, if it was cleaned before.
    :param listed: the day's raw objects now.
    :raises RawObjectsGoneError: with ``refuse``, where objects are gone: says how many, and the ways out.
    """
    manifest = manifest_of(last_receipt) if last_receipt else []
    present = {raw.key for raw in listed}
    gone = [(key, lines) for key, lines in manifest if lines and key not in present]
    if not gone:
        return
    found = (
        f"day {day}: {len(gone)} of the {len(manifest)} raw objects that its last cleaning has read are gone, with "
        f"{sum(lines for _, lines in gone)} lines, the first is {gone[0][0]}"
    )
    _refuse_or_tell(choice, found)


def refuse_or_accept_emptiness(choice: str, day: str, rows_read: int) -> None:
    """Judge a day that has neither raw objects nor a receipt.

    :param choice: see :func:`refuse_or_accept`.
    :param day: UTC day, ``YYYY-MM-DD``.
    :param rows_read: see :func:`rows_read`.
    :raises RawObjectsGoneError: with ``refuse``, where the day was cleaned before, and its receipt is gone too.
    """
    if rows_read:
        _refuse_or_tell(
            choice, f"day {day}: its raw objects and its receipt are gone, of a cleaning that has read {rows_read} rows"
        )


def rows_read(spark: SparkSession, lake: str, day: str) -> int:
    """Return how many rows the last cleaning of a day has read, as the batch layer itself tells.

    :param lake: root of the Delta tables.
    :param day: UTC day, ``YYYY-MM-DD``.
    :raises spark_jobs.tables.TableSchemaError: when the table is not there as declared.
    """
    tables.require(spark, lake, "batch", ["metrics"])
    metrics = spark.read.format("delta").load(layout.table_path(lake, "batch", "metrics"))
    of_day = metrics.where((F.col(tables.PARTITION) == F.lit(day).cast("date")) & (F.col("metric") == "read"))
    found = of_day.agg(F.sum("value").alias("rows")).first()
    return int(found.rows or 0)


def _refuse_or_tell(choice: str, found: str) -> None:
    if choice == REFUSE:
        raise RawObjectsGoneError(
            f"{found}. Cleaned from what is left, the day would lose their rows, so nothing was changed. Put them back "
            "(a versioned bucket still has them for a while), or give missing_raw=accept to clean without them"
        )
    log.warning("%s; the day loses their rows, as missing_raw=accept was given", found)
