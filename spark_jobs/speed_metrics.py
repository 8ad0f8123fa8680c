"""The metrics of the speed layer: derived from its tables, so that a day's can be derived any number of times.

A commit to one more table with each micro-batch would cost as much as one of the data sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from include import layout
from include.schema import DATASETS, dataset
from spark_jobs import tables

REDELIVERED = "redelivered"  # is not in the tables: what is noted already is kept and added to

DayMetrics = dict[str, Counter[tuple[str, str, str | None]]]  # day -> (data set, metric, detail) -> value


def derive(
    spark: SparkSession, lake: str, days: Collection[str], redelivered: Mapping[tuple[str, str], int], run_id: str
) -> None:
    """Replace the metrics of ``days`` (``YYYY-MM-DD``) where they change, a commit for each day.

    :param lake: root of the Delta tables.
    :param redelivered: records that the tables had already, by data set and day, since the last time.
    :param run_id: names the run in the metrics and in the table's history.
    """
    if not days:
        return
    noted = _noted(spark, lake, days)
    counted = count_days(spark, lake, days)
    for day, values in noted.items():
        _add_redelivered(counted[day], ((data_set, n) for (data_set, m, _), n in values.items() if m == REDELIVERED))
    for (data_set, day), number in redelivered.items():
        _add_redelivered(counted[day], [(data_set, number)])
    for day, values in sorted(counted.items()):
        if dict(values) == dict(noted[day]):
            continue
        rows = ((*key, value) for key, value in sorted(values.items(), key=lambda item: str(item[0])))
        frame = tables.metrics(spark, rows, run_id)
        tables.replace_day(frame, lake, "metrics", day, note=run_id, layer="speed")


def days_to_derive(spark: SparkSession, lake: str, retention: timedelta) -> set[str]:
    """Return the days whose metrics a run that died may have left behind its rows.

    Those are the last that has metrics, those before to which a shard may have been behind, and all later ones.

    :param retention: how old a record may be that is appended.
    """
    last = _table(spark, lake, "metrics").agg(F.max(tables.PARTITION).alias("day")).first().day
    since = timedelta(days=-(-retention // timedelta(days=1)))  # rounded up
    found: set[str] = set()
    for name in tables.ROW_TABLES:
        days = _table(spark, lake, name).select(F.col(tables.PARTITION).alias("day"))
        late = days if last is None else days.where(F.col("day") >= F.lit(last - since))
        found |= {row.day.isoformat() for row in late.distinct().collect()}
    return found


def count_days(spark: SparkSession, lake: str, days: Collection[str]) -> DayMetrics:
    """Return what the tables hold of ``days``: read, appended and quarantined rows, the latter by rule too, and rows
    with an unexpected value by its column, all by data set.
    """
    metrics: DayMetrics = {day: _nothing() for day in days}
    for row in reduce(DataFrame.unionByName, _counts(spark, lake, days)).collect():
        metrics[row.day][row.data_set, row.metric, row.detail] += row.value
        if row.metric in ("appended", "quarantined"):
            metrics[row.day][row.data_set, "read", None] += row.value
    return metrics


def _noted(spark: SparkSession, lake: str, days: Collection[str]) -> DayMetrics:
    """Return the metrics that the table has of ``days``."""
    noted: DayMetrics = {day: Counter() for day in days}
    for row in _table(spark, lake, "metrics").where(_of(days)).collect():
        noted[row[tables.PARTITION].isoformat()][row.data_set, row.metric, row.detail] = row.value
    return noted


def _add_redelivered(values: Counter[tuple[str, str, str | None]], numbers: Iterable[tuple[str, int]]) -> None:
    for data_set, number in numbers:
        values[data_set, REDELIVERED, None] += number
        values[data_set, "read", None] += number


def _of(days: Collection[str]) -> Column:
    return F.col(tables.PARTITION).isin(*(F.lit(day).cast("date") for day in sorted(days)))


def _nothing() -> Counter[tuple[str, str, str | None]]:
    return Counter({(name, metric, None): 0 for name in DATASETS for metric in ("read", "appended", "quarantined")})


def _counts(spark: SparkSession, lake: str, days: Collection[str]) -> Iterator[DataFrame]:
    def rows(name: str) -> DataFrame:
        return _table(spark, lake, name).where(_of(days))

    for name in DATASETS:
        yield _grouped(rows(name), F.lit(name), "appended")
        for column in dataset(name).columns:
            if column.expected:
                others = rows(name).where(~F.col(column.renamed or column.name).isin(*column.expected))
                yield _grouped(others, F.lit(name), f"unknown_{column.name}")
    quarantined = rows(tables.QUARANTINE)
    yield _grouped(quarantined, F.col("data_set"), "quarantined")
    by_rule = quarantined.withColumn("rule", F.explode("rules"))
    yield _grouped(by_rule, F.col("data_set"), "quarantined_by_rule", F.col("rule"))


def _table(spark: SparkSession, lake: str, name: str) -> DataFrame:
    return spark.read.format("delta").load(layout.table_path(lake, "speed", name))


def _grouped(rows: DataFrame, data_set: Column, metric: str, detail: Column | None = None) -> DataFrame:
    keys = {
        "day": F.col(tables.PARTITION).cast("string"),
        "data_set": data_set,
        "metric": F.lit(metric),
        "detail": F.lit(None).cast("string") if detail is None else detail,
    }
    named = (column.alias(name) for name, column in keys.items())
    return rows.select(*named).groupBy(*keys).agg(F.count(F.lit(1)).alias("value"))
