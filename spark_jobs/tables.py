"""The Delta tables of the batch and speed layers: their schemas, their creation, and a day's replacement."""

from __future__ import annotations

from collections.abc import Iterable

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructField, StructType

from include import layout
from include.schema import DATASETS, dataset

PARTITION = "ingest_date"
ADDRESS = {  # of a record in its log, by layer
    "batch": (("topic", "string"), ("partition", "int"), ("offset", "bigint")),
    "speed": (("stream", "string"), ("shard", "string"), ("sequence_number", "string")),
}

_LOGGED = ((PARTITION, "date"), ("ingested_at", "timestamp"))
_QUARANTINE = (("data_set", "string"), ("key", "string"), ("rules", "array<string>"), ("raw", "string"))
_METRICS = (
    ("data_set", "string"),
    ("metric", "string"),  # a count of the receipt, `quarantined_by_rule` or a warning
    ("detail", "string"),  # the rule or the unexpected value, where the metric has one
    ("value", "bigint"),
    ("run_id", "string"),
    (PARTITION, "date"),
)
# Readers skip files by their day; lowest and highest values of columns would only make the log grow.
_NO_STATISTICS = ("delta.dataSkippingNumIndexedCols", "0")
_LAST_COMMIT = "spark.databricks.delta.lastCommitVersionInSession"


class TableSchemaError(ValueError):
    """A Delta table is not there, or is there with other columns than declared."""


def columns(layer: str, name: str) -> tuple[tuple[str, str], ...]:
    """Return the columns of a table in order: name and Spark SQL type.

    :param layer: ``batch`` or ``speed``.
    :param name: one of :data:`include.layout.BATCH_TABLES`.
    """
    if name == "metrics":
        return _METRICS
    own = tuple((c.name, c.type) for c in dataset(name).clean) if name in DATASETS else _QUARANTINE
    return own + _LOGGED + ADDRESS[layer]


def table_schema(layer: str, name: str) -> StructType:
    """Return the schema of a table; every column may be NULL, as what must not be is the rules' affair."""
    ddl = ", ".join(f"`{column}` {type_name}" for column, type_name in columns(layer, name))
    return StructType([StructField(field.name, field.dataType) for field in StructType.fromDDL(ddl)])


def create(spark: SparkSession, lake: str, layer: str, name: str) -> bool:
    """Create a table unless it is there; return whether it was created.

    :raises TableSchemaError: when it is there with other columns than declared.
    """
    path = layout.table_path(lake, layer, name)
    if DeltaTable.isDeltaTable(spark, path):
        _check(spark, path, layer, name)
        return False
    table = DeltaTable.createIfNotExists(spark).location(path).addColumns(table_schema(layer, name))
    table.partitionedBy(PARTITION).property(*_NO_STATISTICS).execute()
    return True


def require(spark: SparkSession, lake: str, layer: str, names: Iterable[str]) -> None:
    """Make sure that tables are there, as declared.

    :raises TableSchemaError: names the first that is not, and the way out.
    """
    for name in names:
        path = layout.table_path(lake, layer, name)
        if not DeltaTable.isDeltaTable(spark, path):
            raise TableSchemaError(f"there is no Delta table at {path}: run the job create_tables (DAG provision)")
        _check(spark, path, layer, name)


def empty(spark: SparkSession, layer: str, name: str) -> DataFrame:
    """Return no rows of a table, without the day; built by expressions, as rows from Python start a worker."""
    nothing = (F.lit(None).cast(type_name).alias(column) for column, type_name in columns(layer, name))
    return spark.range(0).select(*nothing).drop(PARTITION)


def replace_day(frame: DataFrame, lake: str, name: str, day: str, note: str) -> int:
    """Replace a day of a batch table by ``frame`` in one commit, by nothing if it is empty; other days stay untouched.

    :param frame: has the table's columns, in any order and with more beside them, except ``ingest_date``.
    :param day: ``YYYY-MM-DD``; becomes the rows' ``ingest_date``.
    :param note: is kept with the commit in the table's history.
    :returns: the version of the table that the commit made.
    """
    session = frame.sparkSession
    dated = frame.withColumn(PARTITION, F.lit(day).cast("date"))
    wanted = [F.col(column).cast(type_name).alias(column) for column, type_name in columns("batch", name)]
    session.conf.unset(_LAST_COMMIT)
    writer = dated.select(*wanted).write.format("delta").mode("overwrite")
    writer = writer.option("replaceWhere", f"{PARTITION} = '{day}'").option("userMetadata", note)
    path = layout.table_path(lake, "batch", name)
    writer.save(path)
    version = session.conf.get(_LAST_COMMIT, None)
    if version is None:  # nothing replaced by nothing is no commit
        version = DeltaTable.forPath(session, path).history(1).select("version").first()[0]
    return int(version)


def _check(spark: SparkSession, path: str, layer: str, name: str) -> None:
    table = spark.read.format("delta").load(path)
    found = {field.name: field.dataType.simpleString() for field in table.schema}
    declared = {field.name: field.dataType.simpleString() for field in table_schema(layer, name)}
    if list(found.items()) != list(declared.items()):
        both = found.keys() | declared.keys()
        differing = sorted(column for column in both if found.get(column) != declared.get(column))
        told = "; ".join(f"{c}: {found.get(c, 'missing')} there, {declared.get(c, 'none')} declared" for c in differing)
        raise TableSchemaError(
            f"the Delta table at {path} has other columns than declared ({told or 'in another order'}): "
            "migrate it, or remove it and run the job create_tables"
        )
