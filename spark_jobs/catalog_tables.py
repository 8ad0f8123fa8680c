"""The names of tables and serving views in a catalog, such as ``pinpipe.batch.pin``.

A table stays where it is, known by its path too: the catalog holds an external table over it, by which Unity Catalog
governs both ways to it (https://docs.databricks.com/aws/en/volumes/paths). Its schemas are made with the catalog.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

from include import layout
from include.questions import SERVING_VIEWS, view_sql
from spark_jobs.tables import TableSchemaError, on_databricks

_SIDE_BY_SIDE = 4  # a registration mostly waits for the catalog

log = logging.getLogger(__name__)


def register(spark: SparkSession, lake: str, catalog: str) -> list[str]:
    """Register every table in a catalog, and make the serving views there; return their names.

    :param lake: root of the Delta tables, which exist.
    :param catalog: name of the catalog; its schemas exist.
    :raises spark_jobs.tables.TableSchemaError: when a name belongs to a table elsewhere.
    """
    wanted = [(layer, name) for layer in layout.LAYERS for name in layout.BATCH_TABLES]

    def register_table(table: tuple[str, str]) -> str:
        return _register_table(spark, lake, catalog, *table)

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        registered = list(pool.map(register_table, wanted))
    for view in SERVING_VIEWS:
        name = f"`{catalog}`.{layout.SERVING}.{view}"
        spark.sql(f"CREATE OR REPLACE VIEW {name} AS {view_sql(view, catalog)}")
        registered.append(name)
    return registered


def _register_table(spark: SparkSession, lake: str, catalog: str, layer: str, name: str) -> str:
    table = f"`{catalog}`.{layer}.{name}"
    path = layout.table_path(lake, layer, name)
    spark.sql(f"CREATE TABLE IF NOT EXISTS {table} USING delta LOCATION '{path}'")
    location = spark.sql(f"DESCRIBE DETAIL {table}").select("location").first().location
    if _place(location) != _place(path):
        raise TableSchemaError(
            f"the table {table} is at {location}, {path} wanted: drop it (an external table's files stay), or set lake "
            "to where it is, then run the DAG provision"
        )
    if on_databricks():  # columns may have been added by the table's path, of which the catalog is not told
        spark.sql(f"MSCK REPAIR TABLE {table} SYNC METADATA")
    log.info("%s: %s", table, path)
    return table


def _place(location: str) -> str:
    """Return a location as it can be compared: Spark writes ``file:`` before local paths."""
    return location.rstrip("/").removeprefix("file:").replace("s3a://", "s3://")
