"""Tables and serving views under their names in a catalog; the session's own stands in for one of Unity Catalog."""

import pytest

from include import layout
from include.questions import QUESTION_IDS, SERVING_VIEWS
from spark_jobs import catalog_tables, create_tables, run_questions
from spark_jobs.tables import TableSchemaError

pytestmark = pytest.mark.spark

CATALOG = "spark_catalog"
SCHEMAS = (*layout.LAYERS, layout.SERVING, layout.ANSWERS)
PIN = {"ind": 1, "unique_id": "'a'", "category": "'art'", "ingest_date": "DATE'2020-01-01'"}


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    """A lake whose tables are registered, as the job does it twice; the catalog's schemas are there before."""
    root = str(tmp_path_factory.mktemp("lake"))
    time_zone = spark.conf.get("spark.sql.session.timeZone")
    for schema in SCHEMAS:
        spark.sql(f"CREATE SCHEMA {schema}")
    for _ in range(2):
        create_tables.main(["--lake", root, "--catalog", CATALOG])
    yield root
    spark.conf.set("spark.sql.session.timeZone", time_zone)
    for schema in SCHEMAS:
        spark.sql(f"DROP SCHEMA {schema} CASCADE")


def test_every_table_has_its_name_and_lies_where_its_path_says(spark, lake):
    for layer in layout.LAYERS:
        for name in layout.BATCH_TABLES:
            detail = spark.sql(f"DESCRIBE DETAIL {CATALOG}.{layer}.{name}").first()
            assert detail.location.removeprefix("file:") == layout.table_path(lake, layer, name)
            assert detail.partitionColumns == ["ingest_date"]


def test_a_row_that_was_written_by_path_is_read_by_name_and_through_the_view(spark, lake):
    columns = ", ".join(PIN)
    values = ", ".join(str(value) for value in PIN.values())
    spark.sql(f"INSERT INTO delta.`{lake}/batch/pin` ({columns}) VALUES ({values})")
    for name in ("batch.pin", "serving.pin"):
        [row] = spark.sql(f"SELECT ind, unique_id FROM {CATALOG}.{name}").collect()
        assert tuple(row) == (1, "a")
    assert {row.viewName for row in spark.sql(f"SHOW VIEWS IN {CATALOG}.serving").collect()} == set(SERVING_VIEWS)


def test_answers_are_tables_of_the_catalog_at_their_paths(spark, lake):
    for _ in range(2):  # the second run replaces what the first has written
        receipt = run_questions.run_questions(spark, lake, CATALOG)
    assert receipt["counts"]["batch"]["pin"] == receipt["counts"]["serving"]["pin"]
    for question in QUESTION_IDS:
        named = spark.table(f"{CATALOG}.answers.{question.lower()}")
        by_path = spark.read.format("delta").load(f"{lake}/answers/{question.lower()}")
        assert named.columns == by_path.columns
        assert sorted(named.collect()) == sorted(by_path.collect())
        location = spark.sql(f"DESCRIBE DETAIL {CATALOG}.answers.{question.lower()}").first().location
        assert location.removeprefix("file:") == f"{lake}/answers/{question.lower()}"


def test_a_name_that_belongs_to_a_table_elsewhere_is_refused(spark, lake, tmp_path):
    create_tables.create_tables(spark, str(tmp_path))
    with pytest.raises(TableSchemaError, match=rf"is at file:{lake}/.*, {tmp_path}/.* wanted: drop it"):
        catalog_tables.register(spark, str(tmp_path), CATALOG)


def test_questions_are_not_asked_of_tables_that_are_not_there(spark, lake, tmp_path):
    with pytest.raises(TableSchemaError, match="DAG provision"):
        run_questions.run_questions(spark, str(tmp_path), CATALOG)
    assert list(tmp_path.iterdir()) == []
