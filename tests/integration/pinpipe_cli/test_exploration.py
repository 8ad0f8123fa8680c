"""The notebook and the views over Delta tables in a folder, with rows of a few posts."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from include import layout, table_columns
from include.questions import QUESTIONS
from include.schema import RESCUED_COLUMN
from pinpipe_cli import exploration, reading
from tests.notebook import NOTEBOOK, run_notebook

pytestmark = pytest.mark.integration

DAY = date(2024, 1, 1)
ADDRESS = {
    "ingest_date": DAY,
    "ingested_at": datetime(2024, 1, 1, 12, tzinfo=UTC),
    "topic": "t",
    "partition": 0,
    "stream": "s",
    "shard": "0",
    "sequence_number": "1",
}
POSTS = [(1, "art", "Peru", 21, 10), (2, "art", "Peru", 30, 1_000), (3, "travel", "Chile", 60, None)]
ROWS = {
    "pin": [
        {
            "ind": ind,
            "unique_id": f"u{ind}",
            "category": category,
            "poster_name": f"p{ind}",
            "follower_count": followers,
        }
        for ind, category, _, _, followers in POSTS
    ],
    "geo": [
        {"ind": ind, "country": country, "coordinates": [1.0, 2.0], "timestamp": datetime(2018 + ind, 5, 1, tzinfo=UTC)}
        for ind, _, country, _, _ in POSTS
    ],
    "user": [
        {"ind": ind, "user_name": f"n{ind}", "age": age, "date_joined": datetime(2015 + ind % 2, 5, 1, tzinfo=UTC)}
        for ind, _, _, age, _ in POSTS
    ],
    "quarantine": [{"data_set": "user", "key": "9", "raw": "{}", "rules": ["age_missing", "ind_missing"]}],
    # Of eight users read four were there twice, or replaced by a later row: neither clean nor quarantined.
    "metrics": [
        {"data_set": name, "metric": metric, "value": value, "run_id": "r"}
        for name, counts in {"pin": (4, 3, 0), "user": (8, 3, 1), "unknown": (0, 0, 0)}.items()
        for metric, value in zip(("read", "clean", "quarantined"), counts, strict=True)
    ],
}
NEWER = {  # what batch has not read yet: a post of another key
    "pin": [{"ind": 4, "unique_id": "u4", "category": "art", "poster_name": "p4", "follower_count": 7}],
    "geo": [{"ind": 4, "country": "Chile", "timestamp": datetime(2020, 5, 1, tzinfo=UTC)}],
    "user": [{"ind": 4, "user_name": "n4", "age": 45, "date_joined": datetime(2016, 5, 1, tzinfo=UTC)}],
    "quarantine": [{"data_set": "user", "key": "10", "raw": "{}", "rules": ["age_missing"]}],
    "metrics": [{"data_set": "user", "metric": "read", "value": 2, "run_id": "s"}],
}
TYPES = {
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "array<double>": pa.list_(pa.float64()),
    "array<string>": pa.list_(pa.string()),
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("it's a lake")
    for layer in layout.LAYERS:
        for name in layout.BATCH_TABLES:
            declared = dict(table_columns.columns(layer, name))
            if (layer, name) == ("speed", "pin"):
                del declared[RESCUED_COLUMN]  # as of a writer that is older than the column
            schema = pa.schema([(column, TYPES[kind]) for column, kind in declared.items()])
            rows = ROWS.get(name, []) if layer == "batch" else NEWER.get(name, [])
            logged = [{**ADDRESS, "offset": place, **row} for place, row in enumerate(rows)]
            write_deltalake(str(root / layer / name), pa.Table.from_pylist(logged, schema))
    write_deltalake(str(root / "answers" / "q3b"), pa.table({"country": ["Peru"], "follower_count": [5]}))
    return str(root)


def test_one_line_opens_every_table_that_is_there(lake):
    opened = exploration.open_lake(lake)
    views = opened.sql("SELECT table_schema || '.' || table_name FROM information_schema.tables").fetchall()
    there = {f"{layer}.{name}" for layer in layout.LAYERS for name in layout.BATCH_TABLES}
    assert {view for (view,) in views} >= there | {"serving.pin", "serving.geo", "serving.user", "answers.q3b"}
    assert "answers.q1" not in {view for (view,) in views}
    assert opened.sql("SELECT country FROM answers.q3b").fetchall() == [("Peru",)]


def test_answers_are_those_that_the_command_line_gives(lake):
    opened = exploration.open_lake(lake)
    for asked in QUESTIONS:
        assert exploration.answer(opened, asked.id).fetchall() == [
            tuple(row.values()) for row in reading.answer(asked.id, lake=lake).to_pylist()
        ]
    assert exploration.answer(opened, "q3b").fetchall() == [("Peru", 1_000)]


def test_the_sql_for_duckdb_itself_makes_the_same_views(lake):
    """Its extension for Delta is not to be had without a network: what reads a fresh table's files stands for it."""
    sql = exploration.views_sql(lake, exploration.present_tables(lake))
    for statement in ("INSTALL delta;\n", "LOAD delta;\n"):
        assert statement in sql
        sql = sql.replace(statement, "")
    plain = duckdb.connect()
    plain.execute("CREATE MACRO delta_scan(p) AS TABLE SELECT * FROM read_parquet(p || '/*.parquet')")
    plain.execute(sql)
    opened = exploration.open_lake(lake)
    columns = """
        SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema <> 'main' ORDER BY ALL
    """
    assert plain.sql(columns).fetchall() == opened.sql(columns).fetchall()
    assert ("speed", "pin", RESCUED_COLUMN, "VARCHAR") in plain.sql(columns).fetchall()
    assert plain.sql("SELECT SUM(value) FROM batch.metrics").fetchall() == [(19,)]
    for asked in QUESTIONS:
        assert plain.sql(asked.sql).fetchall() == exploration.answer(opened, asked.id).fetchall()


def test_the_sql_for_s3_holds_no_credentials(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very secret")
    sql = exploration.views_sql("s3://bucket/delta", {("batch", "pin"): ["ind"]})
    assert "ENDPOINT '127.0.0.1:4566', URL_STYLE 'path', USE_SSL false" in sql
    assert "delta_scan('s3://bucket/delta/batch/pin')" in sql
    assert "very secret" not in sql


def test_every_cell_of_the_notebook_runs(lake, tmp_path):
    outputs = run_notebook({"PINPIPE_LAKE": lake}, tmp_path)
    drawn = [name for name, cells in outputs.items() if any("image/svg+xml" in cell.get("data", {}) for cell in cells)]
    assert drawn == ["q1-chart", "q2-chart", "q8-chart"]
    assert "1000" in outputs["q3b"][0]["data"]["text/plain"]
    assert "age_missing" in outputs["rules"][0]["data"]["text/plain"]
    printed = "".join(cell["text"] for cell in outputs["others"])
    assert all(f"{asked.id}: " in printed for asked in QUESTIONS)


def test_shares_of_the_notebook_are_of_what_was_read(lake):
    cells = json.loads(Path(NOTEBOOK).read_text())["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if cell["id"] == "shares")
    shares = eval(source, {"lake": exploration.open_lake(lake)})  # nosec B307
    assert shares.columns == ["ingest_date", "data_set", "read", "quarantined", "percent"]
    assert shares.fetchall() == [(DAY, "pin", 4, 0, 0.0), (DAY, "user", 8, 1, 12.5)]


def test_the_notebook_is_stored_without_outputs():
    cells = json.loads(Path(NOTEBOOK).read_text())["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]
