"""The questions and serving views in duckdb, against answers worked out by hand."""

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import yaml

from include.questions import QUESTION_IDS, QUESTIONS, SERVING_VIEWS, question, view_sources, view_sql
from include.schema import dataset
from tests.unit.include.lake_columns import ARROW, columns

CASES = yaml.safe_load(Path(__file__).with_name("question_cases.yaml").read_text(encoding="utf-8"))
UNIFIED_ADDRESS = ["layer", "log_name", "log_partition", "log_position"]


def table(layer: str, name: str, filled: bool) -> pa.Table:
    types = columns(layer, name)
    rows = CASES[f"{layer}.{name}"] if filled else []
    rows = [{column: {**CASES["defaults"][layer], **row}.get(column) for column in types} for row in rows]
    return pa.Table.from_pylist(rows, pa.schema([(column, ARROW[kind]) for column, kind in types.items()]))


def database(filled: bool) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for schema in ("batch", "speed", "serving"):
        connection.execute(f"CREATE SCHEMA {schema}")
    for layer, name in dict.fromkeys(source for view in SERVING_VIEWS for source in view_sources(view)):
        connection.register("rows", table(layer, name, filled))
        connection.execute(f"CREATE TABLE {layer}.{name} AS SELECT * FROM rows")
    for view in SERVING_VIEWS:
        connection.execute(f"CREATE VIEW serving.{view} AS {view_sql(view)}")
    return connection


@pytest.fixture(scope="module")
def lake():
    with database(filled=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def empty_lake():
    with database(filled=False) as connection:
        yield connection


@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_an_answer_is_the_one_worked_out_by_hand(lake, question_id):
    answer = lake.sql(question(question_id).sql).to_arrow_table()
    expected = CASES["answers"][question_id]
    assert list(zip(answer.schema.names, answer.schema.types, strict=True)) == [
        (column, ARROW[kind]) for column, kind in expected["columns"].items()
    ]
    assert [list(row.values()) for row in answer.to_pylist()] == expected["rows"]


@pytest.mark.parametrize("question_id", QUESTION_IDS)
def test_an_answer_over_empty_tables_has_its_columns_and_no_rows(empty_lake, question_id):
    answer = empty_lake.sql(question(question_id).sql).to_arrow_table()
    assert answer.num_rows == 0
    assert answer.schema.names == list(CASES["answers"][question_id]["columns"])


@pytest.mark.parametrize(("view", "label"), [("pin", "unique_id, title"), ("geo", "country"), ("user", "user_name")])
def test_a_serving_view_shows_of_each_key_the_row_that_counts(lake, view, label):
    rows = lake.sql(f"SELECT ind, {label}, layer FROM serving.{view} WHERE ind >= 1000 ORDER BY ind").fetchall()
    assert [list(row) for row in rows] == CASES["serving"][view]


@pytest.mark.parametrize("view", SERVING_VIEWS)
def test_a_serving_view_has_the_clean_columns_then_where_the_row_comes_from_and_what_was_rescued(lake, view):
    clean = [column.name for column in dataset(view).clean]
    own = [*clean, "ingest_date", "ingested_at", *UNIFIED_ADDRESS, "_rescued_data"]
    assert lake.sql(f"FROM serving.{view}").columns == own


@pytest.mark.parametrize("view", SERVING_VIEWS)
def test_a_serving_view_shows_one_row_per_post(lake, view):
    rows, posts = lake.sql(f"SELECT COUNT(*), COUNT(DISTINCT ind) FROM serving.{view}").fetchall()[0]
    assert rows == posts == CASES["counts"]["serving"][view]


def test_the_ids_and_their_order_are_fixed():
    assert QUESTION_IDS == ("Q1", "Q2", "Q2top", "Q3a", "Q3b", "Q4", "Q5", "Q6", "Q7", "Q8")


def test_a_question_is_found_in_any_case_of_letters():
    assert question("q2TOP").id == "Q2top"


def test_an_unknown_question_is_refused_with_the_ids_there_are():
    with pytest.raises(LookupError, match=r"no question 'Q9': there are Q1, Q2, Q2top"):
        question("Q9")


def test_an_unknown_view_is_refused_with_the_views_there_are():
    with pytest.raises(LookupError, match=r"no serving view 'pins': there are pin, geo, user"):
        view_sql("pins")


def test_the_age_groups_are_the_same_in_every_question():
    found = {
        re.sub(r"\s+", " ", case)
        for asked in QUESTIONS
        for case in re.findall(r"CASE.*?END AS age_group", asked.sql, re.DOTALL)
    }
    assert len(found) == 1
    assert sum("AS age_group" in asked.sql for asked in QUESTIONS) == 3


@pytest.mark.parametrize("sql", [*(q.sql for q in QUESTIONS), *map(view_sql, SERVING_VIEWS)])
def test_the_sql_quotes_no_name_and_uses_no_qualify(sql):
    assert not re.search(r"[`\"]|\bQUALIFY\b", sql)


def test_a_question_can_be_asked_of_other_tables():
    assert "FROM kept_pin AS p" in question("Q1").sql_over("kept_")
    assert "serving." not in question("Q1").sql_over("kept_")
