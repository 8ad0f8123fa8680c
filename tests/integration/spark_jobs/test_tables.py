from dataclasses import replace
from pathlib import Path

import pytest
from delta.tables import DeltaTable
from pyspark.sql import functions as F  # noqa: N812

from include import layout, table_columns
from include.schema import CleanColumn, dataset, datasets
from spark_jobs import tables
from spark_jobs.create_tables import create_tables

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    lake = f"file:{tmp_path_factory.mktemp('lake')}"
    assert set(create_tables(spark, lake).values()) == {True}
    return lake


def test_tables_are_created_once(spark, lake):
    assert create_tables(spark, lake) == {
        f"{layer}.{name}": False for layer in layout.LAYERS for name in layout.BATCH_TABLES
    }
    tables.require(spark, lake, "batch", layout.BATCH_TABLES)


def test_tables_have_no_deletion_vectors_even_where_every_new_one_gets_them(spark, tmp_path, deletion_vectors):
    lake = f"file:{tmp_path}"
    create_tables(spark, lake)
    for path in (layout.table_path(lake, layer, name) for layer in layout.LAYERS for name in layout.BATCH_TABLES):
        (detail,) = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()
        assert "deletionVectors" not in detail.tableFeatures, path
    spark.range(1).write.format("delta").save(f"{lake}/other")
    (other,) = spark.sql(f"DESCRIBE DETAIL delta.`{lake}/other`").collect()
    assert "deletionVectors" in other.tableFeatures


def test_clean_tables_have_the_layers_address(spark):
    assert tables.table_schema("batch", "user").simpleString() == (
        "struct<ind:int,user_name:string,age:int,date_joined:timestamp,ingest_date:date,ingested_at:timestamp,"
        "topic:string,partition:int,offset:bigint,_rescued_data:string>"
    )
    assert tables.table_schema("speed", "quarantine").simpleString() == (
        "struct<data_set:string,key:string,rules:array<string>,raw:string,ingest_date:date,ingested_at:timestamp,"
        "stream:string,shard:string,sequence_number:string>"
    )


def test_a_missing_table_is_an_error_that_names_the_way_out(spark, tmp_path):
    with pytest.raises(tables.TableSchemaError, match=rf"no Delta table at file:{tmp_path}/batch/pin: .*create_tables"):
        tables.require(spark, f"file:{tmp_path}", "batch", ["pin"])


def test_a_table_with_other_columns_is_an_error_that_names_them(spark, tmp_path):
    path = layout.table_path(f"file:{tmp_path}", "batch", "metrics")
    spark.range(1).selectExpr("'pin' AS data_set", "'x' AS value").write.format("delta").save(path)
    with pytest.raises(
        tables.TableSchemaError, match=r"metric: missing there, string declared; .*value: string there, bigint"
    ):
        tables.create(spark, f"file:{tmp_path}", "batch", "metrics")


def of_an_earlier_version(spark, lake, layer, name):
    """Make a table as it was before it had its last column, with a row."""
    columns = [f"CAST(NULL AS {kind}) AS `{column}`" for column, kind in tables.columns(layer, name)[:-1]]
    rows = spark.range(1).selectExpr(*columns).withColumn("ingest_date", F.lit("2020-01-01").cast("date"))
    path = layout.table_path(lake, layer, name)
    rows.write.format("delta").partitionBy("ingest_date").save(path)
    return path


@pytest.mark.parametrize(("layer", "name"), [("batch", "geo"), ("speed", "user")])
def test_a_table_of_an_earlier_version_gets_its_new_column_and_keeps_its_rows(spark, tmp_path, layer, name):
    lake = f"file:{tmp_path}"
    path = of_an_earlier_version(spark, lake, layer, name)
    tables.require(spark, lake, layer, [name])
    assert tables.missing_columns(spark, lake, layer, name) == [("_rescued_data", "string")]
    files = sorted(tmp_path.glob("**/*.parquet"))
    tables.add_columns(spark, lake, layer, [name])
    [row] = spark.read.format("delta").load(path).collect()
    assert (str(row.ingest_date), row["_rescued_data"]) == ("2020-01-01", None)
    assert sorted(tmp_path.glob("**/*.parquet")) == files
    assert tables.missing_columns(spark, lake, layer, name) == []


@pytest.fixture
def with_height(monkeypatch):
    """Have a clean column of geo declared that tables made before lack, in the midst of the others."""
    geo = dataset("geo")
    height = CleanColumn("height", "double", ("latitude",))
    declared = {**{of.name: of for of in datasets()}, "geo": replace(geo, clean=(geo.clean[0], height, *geo.clean[1:]))}
    return lambda: monkeypatch.setattr(table_columns, "dataset", declared.__getitem__)


@pytest.mark.parametrize("layer", layout.LAYERS)
def test_a_column_declared_in_the_midst_comes_to_the_end_and_is_written_by_its_name(
    spark, tmp_path, with_height, layer
):
    lake = f"file:{tmp_path}"
    tables.create(spark, lake, layer, "geo")
    with_height()
    tables.require(spark, lake, layer, ["geo"])
    assert tables.missing_columns(spark, lake, layer, "geo") == [("height", "double")]
    tables.add_columns(spark, lake, layer, ["geo"])
    assert tables.missing_columns(spark, lake, layer, "geo") == []

    values = {"ind": "1", "height": "2.5", "country": "'Fiji'", "_rescued_data": "'{}'", "ingest_date": "'2020-01-01'"}
    rows = spark.range(1).selectExpr(
        *(f"CAST({values.get(name, 'NULL')} AS {kind}) AS `{name}`" for name, kind in tables.columns(layer, "geo"))
    )
    if layer == "batch":
        tables.replace_day(rows, lake, "geo", "2020-01-01", note="run")
    else:
        tables.append(rows, lake, "geo", tables.BatchMark("query", 1, "run"))

    written = spark.read.format("delta").load(layout.table_path(lake, layer, "geo"))
    assert (rows.columns[1], written.columns[-1]) == ("height", "height")
    [row] = written.collect()
    assert (row.ind, row.height, row.country, row["_rescued_data"]) == (1, 2.5, "Fiji", "{}")
    assert {row[name] for name in written.columns if name not in values} == {None}


def test_a_column_of_another_type_is_refused_wherever_it_stands(spark, tmp_path, with_height):
    lake = f"file:{tmp_path}"
    tables.create(spark, lake, "batch", "geo")
    with_height()
    spark.sql(f"ALTER TABLE delta.`{layout.table_path(lake, 'batch', 'geo')}` ADD COLUMNS (height int)")
    with pytest.raises(tables.TableSchemaError, match=r"\(height: int there, double declared\)"):
        tables.add_columns(spark, lake, "batch", ["geo"])


def test_a_table_that_lacks_its_days_is_refused(spark, tmp_path):
    path = layout.table_path(f"file:{tmp_path}", "batch", "metrics")
    spark.range(1).selectExpr("'pin' AS data_set").write.format("delta").save(path)
    with pytest.raises(tables.TableSchemaError, match=r"ingest_date: missing there, date declared"):
        tables.require(spark, f"file:{tmp_path}", "batch", ["metrics"])


@pytest.mark.parametrize(("runtime", "versions"), [("", 1), ("17.3", 2)])
def test_only_databricks_arbitrates_and_has_the_column_added_beside_writers(
    spark, tmp_path, monkeypatch, runtime, versions
):
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    if runtime:
        monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", runtime)
    lake = f"file:{tmp_path}"
    path = of_an_earlier_version(spark, lake, "speed", "user")
    assert not tables.create(spark, lake, "speed", "user")
    assert len(DeltaTable.forPath(spark, path).history().collect()) == versions


def test_a_table_with_other_columns_besides_gets_none(spark, tmp_path):
    lake = f"file:{tmp_path}"
    path = of_an_earlier_version(spark, lake, "batch", "geo")
    spark.sql(f"ALTER TABLE delta.`{path}` ADD COLUMNS (mine string)")
    with pytest.raises(tables.TableSchemaError, match=r"_rescued_data: missing there.*; mine: string there"):
        tables.create(spark, lake, "batch", "geo")
    with pytest.raises(tables.TableSchemaError, match=r"_rescued_data: missing there.*; mine: string there"):
        tables.add_columns(spark, lake, "batch", ["geo"])


def test_a_replaced_day_leaves_the_files_of_other_days(spark, lake):
    folder = Path(layout.table_path(lake, "batch", "metrics").removeprefix("file:"))

    def metrics(*names):
        rows = [("pin", name, None, 1, "run") for name in names]
        return spark.createDataFrame(rows, "data_set string, metric string, detail string, value bigint, run_id string")

    def found():
        rows = spark.read.format("delta").load(str(folder)).collect()
        return sorted((str(row.ingest_date), row.metric) for row in rows)

    def files(day):
        return sorted(folder.glob(f"ingest_date={day}/*.parquet"))

    first = tables.replace_day(metrics("a", "b"), lake, "metrics", "2020-01-01", note="run 1")
    kept = files("2020-01-01")
    assert tables.replace_day(metrics("c"), lake, "metrics", "2020-01-02", note="run 2") == first + 1
    assert tables.replace_day(metrics("d", "d"), lake, "metrics", "2020-01-02", note="run 3") == first + 2
    assert found() == [("2020-01-01", "a"), ("2020-01-01", "b"), ("2020-01-02", "d"), ("2020-01-02", "d")]
    assert files("2020-01-01") == kept
    assert tables.replace_day(metrics("d").limit(0), lake, "metrics", "2020-01-02", note="run 4") == first + 3
    assert found() == [("2020-01-01", "a"), ("2020-01-01", "b")]
    assert tables.replace_day(metrics("d").limit(0), lake, "metrics", "2020-01-03", note="run 5") == first + 3
