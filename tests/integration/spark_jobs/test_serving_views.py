"""The serving views over both layers in Spark: random lakes, as duckdb must show them too (unit/include)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from include import layout
from include.questions import SERVING_VIEWS
from include.schema import RESCUED_COLUMN
from spark_jobs import run_questions, tables
from tests.e2e.oracle.random_lake import LABEL, random_lake
from tests.e2e.oracle.serving import views

pytestmark = pytest.mark.spark

SOURCES = [(layer, name) for layer in layout.LAYERS for name in SERVING_VIEWS] + [("batch", "quarantine")]


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    """A random lake in Delta tables, with the views over it."""
    root, lake = str(tmp_path_factory.mktemp("lake")), random_lake(101)

    def write(source):
        layer, name = source
        schema = tables.table_schema(layer, name)
        values = [tuple(row.get(column) for column in schema.names) for row in getattr(lake, layer)[name]]
        frame = spark.createDataFrame(values, schema).coalesce(1)
        if source == ("speed", "pin"):  # as a stream of an earlier version left it
            frame = frame.drop(RESCUED_COLUMN)
        frame.write.format("delta").partitionBy("ingest_date").save(f"{root}/{layer}/{name}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, SOURCES))
    run_questions.register(spark, root)
    yield lake
    for schema in (*layout.LAYERS, "serving"):
        spark.sql(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.parametrize("view", SERVING_VIEWS)
def test_a_view_of_a_random_lake_equals_the_independent_computation(spark, lake, view):
    rows = views(lake.batch, lake.quarantined, lake.speed)[view]
    found = spark.sql(f"SELECT {LABEL[view]} AS label, layer FROM serving.{view}").collect()
    expected = [(row[LABEL[view]], row["layer"]) for row in rows]
    assert sorted((row.label, row.layer) for row in found) == sorted(expected)
