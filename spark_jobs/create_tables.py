"""Job ``create_tables``: creates the Delta tables of the batch and speed layers that are not there yet.

Where a catalog is given, they are registered in it under their names, and the serving views are made there.

On Databricks tables of an earlier version get the columns that were declared since; elsewhere their writers do that.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import SparkSession

from include import layout
from spark_jobs import catalog_tables, tables
from spark_jobs.driver_log import log_to_driver

_SIDE_BY_SIDE = 4  # a creation mostly waits for its commit

log = logging.getLogger(__name__)


def create_tables(spark: SparkSession, lake: str) -> dict[str, bool]:
    """Create missing tables; return for each ``<layer>.<name>`` whether the table was created.

    :param lake: root of the Delta tables.
    :raises spark_jobs.tables.TableSchemaError: when a table is there with other columns than declared.
    """
    wanted = [(layer, name) for layer in layout.LAYERS for name in layout.BATCH_TABLES]

    def create(table: tuple[str, str]) -> bool:
        created = tables.create(spark, lake, *table)
        log.info("%s.%s: %s", *table, "created" if created else "already there")
        return created

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return {f"{layer}.{name}": made for (layer, name), made in zip(wanted, pool.map(create, wanted), strict=True)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job with the command line's arguments."""
    parser = argparse.ArgumentParser(prog="create_tables", description=__doc__)
    parser.add_argument("--lake", required=True, help="root of the Delta tables, such as s3://<bucket>/delta")
    parser.add_argument("--catalog", default="", help="catalog to register them in; without one, their paths do")
    options = parser.parse_args(arguments)
    log_to_driver()
    spark = SparkSession.builder.appName("create_tables").getOrCreate()
    created = create_tables(spark, options.lake)
    log.info("%s of %s tables created at %s", sum(created.values()), len(created), options.lake)
    if options.catalog:
        registered = catalog_tables.register(spark, options.lake, options.catalog)
        log.info("catalog %s: %d tables and views", options.catalog, len(registered))


if __name__ == "__main__":
    main()
