"""The job in Spark, against the answers worked out by hand that duckdb must give too (include/test_questions.py)."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from include.questions import QUESTION_IDS, SERVING_VIEWS
from spark_jobs import run_questions, tables

pytestmark = pytest.mark.spark

CASES = yaml.safe_load(
    (Path(__file__).parents[2] / "unit" / "include" / "question_cases.yaml")
    .read_text(encoding="utf-8")
    .replace("raw: another data set", f"raw: {'x' * 400}")
)
SOURCES = [(layer, name) for layer in ("batch", "speed") for name in SERVING_VIEWS] + [("batch", "quarantine")]


class Store:
    """Takes the place of S3 for the one object that the job writes."""

    def __init__(self):
        self.objects = {}

    def put_object(self, *, Bucket, Key, Body, ContentType):  # noqa: N803
        self.objects[Bucket, Key] = Body


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    root = str(tmp_path_factory.mktemp("lake"))

    def write(source):
        layer, name = source
        schema = tables.table_schema(layer, name)
        rows = [
            tuple({**CASES["defaults"][layer], **row}.get(column) for column in schema.names)
            for row in CASES[f"{layer}.{name}"]
        ]
        frame = spark.createDataFrame(rows, schema)
        frame.write.format("delta").partitionBy("ingest_date").save(f"{root}/{layer}/{name}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, SOURCES))
    return root


@pytest.fixture(scope="module")
def receipt(spark, lake, deletion_vectors):
    store = Store()
    time_zone = spark.conf.get("spark.sql.session.timeZone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_questions, "aws_session", lambda *_: SimpleNamespace(client=lambda *_, **__: store))
        run_questions.main(
            ["--bucket", "b", "--lake", lake, "--pipeline-id", "p", "--run-id", "run 1", "--inputs", "abc"]
        )
    yield json.loads(store.objects["b", "receipts/run_questions/latest.json"])
    spark.conf.set("spark.sql.session.timeZone", time_zone)
    for schema in ("batch", "speed", "serving"):
        spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def test_the_receipt_names_the_run_and_its_inputs(receipt):
    assert (receipt["job"], receipt["run_id"], receipt["inputs"]) == ("run_questions", "run 1", "abc")
    assert receipt["started_at"] < receipt["finished_at"]


@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_an_answer_is_the_one_worked_out_by_hand(receipt, question_id):
    expected = CASES["answers"][question_id]
    answer = receipt["answers"][question_id]
    assert dict(zip(answer["columns"], answer["types"], strict=True)) == expected["columns"]
    assert answer["columns"] == list(expected["columns"])
    assert answer["rows"] == expected["rows"]


@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_the_table_of_an_answer_holds_what_the_receipt_says(spark, lake, receipt, question_id):
    stored = spark.read.format("delta").load(f"{lake}/answers/{question_id.lower()}")
    answer = receipt["answers"][question_id]
    assert [[name, kind] for name, kind in stored.dtypes] == [
        list(pair) for pair in zip(answer["columns"], answer["types"], strict=True)
    ]
    assert sorted(list(row) for row in stored.collect()) == answer["rows"]


def test_the_table_of_an_answer_has_no_deletion_vectors_even_where_every_new_one_gets_them(spark, lake, receipt):
    for question_id in QUESTION_IDS:
        (detail,) = spark.sql(f"DESCRIBE DETAIL delta.`{lake}/answers/{question_id.lower()}`").collect()
        assert "deletionVectors" not in detail.tableFeatures


@pytest.mark.parametrize(("view", "label"), [("pin", "unique_id, title"), ("geo", "country"), ("user", "user_name")])
def test_a_serving_view_shows_of_each_key_the_row_that_counts(spark, receipt, view, label):
    rows = spark.sql(f"SELECT ind, {label}, layer FROM serving.{view} WHERE ind >= 1000 ORDER BY ind").collect()
    assert [list(row) for row in rows] == CASES["serving"][view]


def test_the_counts_are_those_of_views_and_tables(receipt):
    assert receipt["counts"] == CASES["counts"]


def test_of_each_rule_the_newest_rows_are_samples(receipt):
    samples = receipt["quarantine_samples"]["geo"]
    assert samples["latitude_missing"] == [{"day": "2024-01-01", "key": "1006", "raw": "earlier day", "characters": 11}]
    assert [sample["key"] for sample in samples["country_missing"]] == ["1010", "1006", "1005"]


def test_a_sample_is_cut_and_says_how_long_it_was(receipt):
    sample = receipt["quarantine_samples"]["user"]["age_missing"][0]
    assert (sample["raw"], sample["characters"]) == ("x" * 300, 400)


def test_without_its_tables_the_job_fails_before_it_writes_anything(spark, tmp_path):
    with pytest.raises(tables.TableSchemaError, match="DAG provision"):
        run_questions.register(spark, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def lake_of_an_earlier_version(spark, lake, tmp_path):
    """The lake with a table that lacks a clean column in the midst and the last column."""
    shutil.copytree(lake, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "batch" / "user")
    rows = spark.read.format("delta").load(f"{lake}/batch/user").drop("age", "_rescued_data")
    rows.write.format("delta").partitionBy("ingest_date").save(f"{tmp_path}/batch/user")
    yield str(tmp_path)
    for schema in ("batch", "speed", "serving"):
        spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def test_what_a_table_of_an_earlier_version_lacks_is_null_and_its_columns_are_those_declared(
    spark, lake_of_an_earlier_version, monkeypatch
):
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    for schema in ("batch", "speed", "serving"):
        spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    run_questions.register(spark, lake_of_an_earlier_version)
    users = spark.table("batch.user")
    assert tuple(users.dtypes) == tables.columns("batch", "user")
    assert {(row.age, row["_rescued_data"]) for row in users.collect()} == {(None, None)}
    assert spark.table("serving.user").count() > 0


def test_on_databricks_a_table_that_lacks_columns_is_named_with_the_way_out(
    spark, lake_of_an_earlier_version, monkeypatch
):
    with pytest.raises(
        tables.TableSchemaError, match=r"^batch\.user lacks age, _rescued_data: run the DAG provision, which adds it$"
    ):
        run_questions.require_all(spark, lake_of_an_earlier_version)


def test_on_databricks_the_workspaces_own_catalog_is_never_taken(spark, lake_of_an_earlier_version, monkeypatch):
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    with pytest.raises(ValueError, match="no catalog is named: set databricks_catalog"):
        run_questions.run_questions(spark, lake_of_an_earlier_version)
