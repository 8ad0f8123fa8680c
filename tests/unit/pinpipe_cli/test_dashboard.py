"""The dashboard's definition against the questions that it shows."""

from __future__ import annotations

import json

import duckdb
import pytest

from include.question_charts import CHARTS
from include.questions import QUESTIONS, question
from pinpipe_cli import dashboard

SERVING = """
CREATE SCHEMA serving;
CREATE TABLE serving.pin (ind int, category varchar, poster_name varchar, follower_count bigint);
CREATE TABLE serving.geo (ind int, country varchar, timestamp timestamptz);
CREATE TABLE serving.user (ind int, user_name varchar, age int, date_joined timestamptz);
"""


@pytest.fixture
def made():
    return json.loads(dashboard.dashboard())


def widgets(made):
    return [piece["widget"] for page in made["pages"] for piece in page["layout"]]


def test_the_file_is_what_the_questions_give():
    assert dashboard.main(["--check"]) == 0


def test_a_file_that_is_behind_is_told(monkeypatch, capsys):
    monkeypatch.setattr(dashboard, "FILE", dashboard.ROOT / "README.md")
    assert dashboard.main(["--check"]) == 1
    assert "README.md is not what the questions give" in capsys.readouterr().err


def test_the_queries_are_those_of_the_job(made):
    queries = {data["name"]: "".join(data["queryLines"]) for data in made["datasets"]}
    assert queries == {asked.table: asked.sql for asked in QUESTIONS}


def test_in_a_catalog_the_queries_name_its_views_and_no_others():
    for data, asked in zip(json.loads(dashboard.dashboard("shop"))["datasets"], QUESTIONS, strict=True):
        query = "".join(data["queryLines"])
        assert query.count("`shop`.serving.") == asked.sql.count("serving.") > 0
        assert query.replace("`shop`.", "") == asked.sql


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked.id)
def test_a_table_has_the_columns_of_its_answer(asked):
    connection = duckdb.connect()
    connection.execute(SERVING)
    assert dashboard.answer_columns(asked) == connection.sql(asked.sql).columns


def test_every_question_has_its_table_and_declared_chart_whose_fields_its_query_gives(made):
    shown = [widget for widget in widgets(made) if "queries" in widget]
    assert [widget["name"] for widget in shown] == [
        f"{asked.table}-{kind}"
        for asked in QUESTIONS
        for kind in ("chart", "table")
        if kind == "table" or asked.id in CHARTS
    ]
    for widget in shown:
        (query,) = widget["queries"]
        fields = {field["name"] for field in query["query"]["fields"]}
        assert set(named(widget["spec"]["encodings"])) == fields or widget["name"].endswith("chart")
        assert set(named(widget["spec"]["encodings"])) <= fields


def test_a_question_without_a_chart_is_a_table_of_the_whole_width(monkeypatch):
    monkeypatch.delitem(CHARTS, "Q5")
    (page, _) = json.loads(dashboard.dashboard())["pages"]
    (text, table) = (piece for piece in page["layout"] if piece["widget"]["name"].startswith("q5-"))
    assert (table["widget"]["name"], table["position"]["width"]) == ("q5-table", 6)
    assert table["position"]["y"] == text["position"]["y"] + text["position"]["height"]


def test_rows_that_tie_are_drawn_beside_each_other_or_once_and_never_as_their_sum(made):
    bars = [widget for widget in widgets(made) if widget.get("spec", {}).get("widgetType") == "bar"]
    coloured = {widget["name"] for widget in bars if "color" in widget["spec"]["encodings"]}
    assert coloured == {"q2top-chart", "q4-chart"}
    assert {widget["name"] for widget in bars if widget["spec"].get("mark") == {"layout": "group"}} == coloured
    connection = duckdb.connect()
    connection.execute(SERVING)
    connection.execute(
        "INSERT INTO serving.pin VALUES (1, 'art', 'ann', 7), (2, 'art', 'bob', 7), (3, 'art', 'eve', 5)"
    )
    connection.execute(
        "INSERT INTO serving.geo SELECT ind, CASE WHEN ind < 3 THEN 'Peru' ELSE 'Chile' END, NULL FROM serving.pin"
    )
    (q3a,) = (widget["queries"][0]["query"] for widget in bars if widget["name"] == "q3a-chart")
    fields = ", ".join(field["expression"].replace("`", '"') for field in q3a["fields"])
    drawn = connection.sql(f"SELECT {fields} FROM ({question('Q3a').sql}) GROUP BY country ORDER BY country")
    assert drawn.fetchall() == [("Chile", 5), ("Peru", 7)]
    assert q3a["disaggregated"] is False


def test_no_two_pieces_overlap_and_all_are_within_the_grid(made):
    for page in made["pages"]:
        taken = set()
        for piece in page["layout"]:
            at = piece["position"]
            cells = {
                (x, y) for x in range(at["x"], at["x"] + at["width"]) for y in range(at["y"], at["y"] + at["height"])
            }
            assert not cells & taken
            assert max(x for x, _ in cells) < 6
            taken |= cells


def named(encodings):
    if isinstance(encodings, dict):
        for key, value in encodings.items():
            if key == "fieldName":
                yield value
            else:
                yield from named(value)
    elif isinstance(encodings, list):
        for value in encodings:
            yield from named(value)
