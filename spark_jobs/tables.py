"""The Delta tables of the batch and speed layers: their schemas, their creation, and how rows get into them."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import timedelta

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructField, StructType

from include import layout
from include.schema import DATASETS
from include.table_columns import ADDRESS as ADDRESS
from include.table_columns import PARTITION as PARTITION
from include.table_columns import QUARANTINE as QUARANTINE
from include.table_columns import columns as columns

ROW_TABLES = (*DATASETS, QUARANTINE)  # a record's row is in one of them

# Open-source readers refuse a table with deletion vectors, which a workspace may give every new table. Nothing here is
# deleted row by row: https://docs.databricks.com/aws/en/admin/workspace-settings/deletion-vectors
READABLE_BY_ALL = {"delta.enableDeletionVectors": "false"}
# Readers skip files by their day; lowest and highest values of columns would only make the log grow.
_PROPERTIES = {"delta.dataSkippingNumIndexedCols": "0", **READABLE_BY_ALL}
LOG_RETENTION = timedelta(days=1)  # of the speed layer
_PROPERTIES_OF_LAYER = {
    "batch": _PROPERTIES,
    "speed": {  # for thousands of commits a day, a small file each
        **_PROPERTIES,
        "delta.checkpointInterval": "100",
        "delta.logRetentionDuration": f"interval {LOG_RETENTION.days} days",
        # A reader of an older version has so long, and VACUUM leaves such files alone.
        "delta.deletedFileRetentionDuration": "interval 2 hours",
    },
}
_COMMITS_LOOKED_AT = 5  # between two appends there are seldom more of the stream's upkeep than one
_DATABRICKS = "DATABRICKS_RUNTIME_VERSION"  # set on each node of a cluster
_LAST_COMMIT = "spark.databricks.delta.lastCommitVersionInSession"


log = logging.getLogger(__name__)


class TableSchemaError(ValueError):
    """A Delta table is not there, or is there with other columns than declared."""


def address(layer: str) -> list[str]:
    """Return the columns that hold the address of a row's record."""
    return [name for name, _ in ADDRESS[layer]]


def cleans_its_logs() -> bool:
    """Whether Delta itself removes the expired log entries of the speed layer.

    Open-source Delta does so within a commit, a day's at once and file by file, for which a micro-batch would wait many
    minutes: there :class:`spark_jobs.expired_logs.ExpiredLogs` does it.
    """
    return on_databricks()


def on_databricks() -> bool:
    """Whether this runs on a cluster of Databricks, which arbitrates between the writers of a table."""
    return _DATABRICKS in os.environ


def table_schema(layer: str, name: str) -> StructType:
    """Return the schema of a table; every column may be NULL, as what must not be is the rules' affair."""
    ddl = ", ".join(f"`{column}` {type_name}" for column, type_name in columns(layer, name))
    return StructType([StructField(field.name, field.dataType) for field in StructType.fromDDL(ddl)])


def create(spark: SparkSession, lake: str, layer: str, name: str) -> bool:
    """Create a table unless it is there; return whether it was created.

    One of an earlier version gets the columns declared since, see :func:`add_columns`: on Databricks here, elsewhere by
    the layer's own writer, as nothing there would keep two writers' commits apart.

    :raises TableSchemaError: when it is there with other columns than declared.
    """
    path = layout.table_path(lake, layer, name)
    if DeltaTable.isDeltaTable(spark, path):
        if on_databricks():
            add_columns(spark, lake, layer, [name])
        _missing(spark, path, layer, name)
        return False
    table = DeltaTable.createIfNotExists(spark).location(path).addColumns(table_schema(layer, name))
    for key, value in _properties(layer).items():
        table = table.property(key, value)
    table.partitionedBy(PARTITION).execute()
    return True


def add_columns(spark: SparkSession, lake: str, layer: str, names: Iterable[str]) -> None:
    """Add to tables of an earlier version the columns declared since, at their end; for the layer's own writer.

    Rows that are there have NULL in them, and no file is written anew.

    :raises TableSchemaError: when a table is not there, or has other columns than declared; it stays as it is.
    """
    for name in names:
        if missing := missing_columns(spark, lake, layer, name):
            wanted = ", ".join(f"`{column}` {type_name}" for column, type_name in missing)
            spark.sql(f"ALTER TABLE delta.`{layout.table_path(lake, layer, name)}` ADD COLUMNS ({wanted})")
            log.info("%s.%s: added %s", layer, name, wanted)


def set_properties(spark: SparkSession, lake: str, layer: str, names: Iterable[str]) -> None:
    """Give tables that were created by an earlier version the properties of this one; for the layer's own writer."""
    for name in names:
        path = layout.table_path(lake, layer, name)
        wanted = _properties(layer)
        # DESCRIBE DETAIL would tell them too, and read the whole log for it.
        found = {row.key: row.value for row in spark.sql(f"SHOW TBLPROPERTIES delta.`{path}`").collect()}
        if not wanted.items() <= found.items():
            told = ", ".join(f"'{key}' = '{value}'" for key, value in wanted.items())
            spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ({told})")


def require(spark: SparkSession, lake: str, layer: str, names: Iterable[str]) -> None:
    """Make sure that tables are there, as declared; those of an earlier version may lack columns.

    :raises TableSchemaError: names the first that is not, and the way out.
    """
    for name in names:
        missing_columns(spark, lake, layer, name)


def missing_columns(spark: SparkSession, lake: str, layer: str, name: str) -> list[tuple[str, str]]:
    """Return the columns declared since a table was created: name and Spark SQL type.

    In what order a table has its columns does not matter: Delta and all that is written to it go by their names.

    :raises TableSchemaError: when it is not there, or has other columns than declared.
    """
    path = layout.table_path(lake, layer, name)
    if not DeltaTable.isDeltaTable(spark, path):
        raise TableSchemaError(f"there is no Delta table at {path}: run the job create_tables (DAG provision)")
    return _missing(spark, path, layer, name)


def empty(spark: SparkSession, layer: str, name: str) -> DataFrame:
    """Return no rows of a table, without the day; built by expressions, as rows from Python start a worker."""
    nothing = (F.lit(None).cast(type_name).alias(column) for column, type_name in columns(layer, name))
    return spark.range(0).select(*nothing).drop(PARTITION)


def metrics(spark: SparkSession, rows: Iterable[tuple[str, str, str | None, int]], run_id: str) -> DataFrame:
    """Return rows of a metrics table without the day, by way of one JSON text: rows from Python would start a worker.

    :param rows: data set, metric, detail and value.
    :param run_id: names the run.
    """
    names = ("data_set", "metric", "detail", "value")
    text = json.dumps([dict(zip(names, row, strict=True)) for row in rows])
    structs = F.from_json(
        F.lit(text), "array<struct<data_set string, metric string, detail string, value bigint>>", {"mode": "FAILFAST"}
    )
    return spark.range(1).select(F.inline(structs)).withColumn("run_id", F.lit(run_id))


@dataclass(frozen=True)
class BatchMark:
    """What a commit of the speed layer says of itself.

    :param query: id of the streaming query, the same over restarts from its checkpoint.
    :param batch: number of the micro-batch, which only grows.
    :param run: the run that committed.
    :param held_until: arrival (ISO 8601) of the newest record that the layer held when the query was new to it,
        ``None`` where it held none.
    """

    query: str
    batch: int
    run: str
    held_until: str | None = None

    @classmethod
    def read(cls, note: str | None) -> BatchMark | None:
        """Return the mark that a commit carries, ``None`` where it carries another note; unknown keys are ignored."""
        try:
            told = json.loads(note or "null")
        except ValueError:
            return None
        if not isinstance(told, dict) or not {"query", "batch", "run"} <= told.keys():
            return None
        return cls(**{key.name: told[key.name] for key in fields(cls) if key.name in told})

    def note(self) -> str:
        """Return the mark as a commit carries it."""
        return json.dumps({key: value for key, value in asdict(self).items() if value is not None})

    def reached(self, last: BatchMark | None) -> bool:
        """Return whether a table has this micro-batch, ``last`` being its last."""
        return last is not None and last.query == self.query and last.batch >= self.batch


def append(rows: DataFrame, lake: str, name: str, mark: BatchMark) -> None:
    """Append the rows of a micro-batch to a speed table: one file a day, one commit.

    :param rows: has the table's columns, in any order.
    :param mark: is kept in the commit, and found there by :func:`last_batch`.
    """
    writer = rows.coalesce(1).write.format("delta").mode("append")
    writer.option("userMetadata", mark.note()).save(layout.table_path(lake, "speed", name))


def last_batch(spark: SparkSession, lake: str, name: str) -> BatchMark | None:
    """Return the mark of the last micro-batch that a speed table has got, ``None`` if it has none.

    Delta's own way, ``txnAppId`` and ``txnVersion``, reads all that the log has got since its last checkpoint, with
    every single commit. One writer needs to know where it is only when it starts.
    """
    table = DeltaTable.forPath(spark, layout.table_path(lake, "speed", name))
    for most in (_COMMITS_LOOKED_AT, None):
        # Each commit is read on its own: all of a day's would take minutes.
        notes = [commit.userMetadata for commit in table.history(most).select("userMetadata").collect()]
        marks = (mark for note in notes if (mark := BatchMark.read(note)))
        if (last := next(marks, None)) or len(notes) < _COMMITS_LOOKED_AT:
            return last
    return None


def replace_day(frame: DataFrame, lake: str, name: str, day: str, note: str, *, layer: str = "batch") -> int:
    """Replace a day of a table by ``frame`` in one commit, by nothing if it is empty; other days stay untouched.

    :param frame: has the table's columns, in any order and with more beside them, except ``ingest_date``.
    :param day: ``YYYY-MM-DD``; becomes the rows' ``ingest_date``.
    :param note: is kept with the commit in the table's history.
    :returns: the version of the table that the commit made.
    """
    session = frame.sparkSession
    dated = frame.withColumn(PARTITION, F.lit(day).cast("date"))
    wanted = [F.col(column).cast(type_name).alias(column) for column, type_name in columns(layer, name)]
    session.conf.unset(_LAST_COMMIT)
    writer = dated.select(*wanted).write.format("delta").mode("overwrite")
    writer = writer.option("replaceWhere", f"{PARTITION} = '{day}'").option("userMetadata", note)
    path = layout.table_path(lake, layer, name)
    writer.save(path)
    version = session.conf.get(_LAST_COMMIT, None)
    if version is None:  # nothing replaced by nothing is no commit
        version = DeltaTable.forPath(session, path).history(1).select("version").first()[0]
    return int(version)


def _properties(layer: str) -> dict[str, str]:
    wanted = _PROPERTIES_OF_LAYER[layer]
    return wanted if layer == "batch" or cleans_its_logs() else {**wanted, "delta.enableExpiredLogCleanup": "false"}


def _columns(schema: StructType) -> list[tuple[str, str]]:
    return [(field.name, field.dataType.simpleString()) for field in schema]


def _missing(spark: SparkSession, path: str, layer: str, name: str) -> list[tuple[str, str]]:
    found = dict(_columns(spark.read.format("delta").load(path).schema))
    declared = dict(_columns(table_schema(layer, name)))
    # A table cannot get the column that it is partitioned by.
    if PARTITION not in found or any(declared.get(column) != type_name for column, type_name in found.items()):
        differing = sorted(c for c in found.keys() | declared.keys() if found.get(c) != declared.get(c))
        told = "; ".join(f"{c}: {found.get(c, 'missing')} there, {declared.get(c, 'none')} declared" for c in differing)
        raise TableSchemaError(
            f"the Delta table at {path} has other columns than declared ({told}): migrate the table, or remove it first"
        )
    return [(column, type_name) for column, type_name in declared.items() if column not in found]
