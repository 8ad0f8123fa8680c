"""Charts as they are drawn: read from the picture, not from what it is made of."""

from __future__ import annotations

import re
import runpy

import pytest
from bs4 import BeautifulSoup
from pinpipe_airflow.report.answer_charts import WIDTH, answer_chart
from pinpipe_airflow.report.drawing import drawn
from pinpipe_airflow.report.receipts import Answer

from include import question_charts
from include.question_charts import AGE_GROUPS, CHARTS
from include.questions import QUESTIONS, question

POSTS = ["post_year", "category", "category_count"]
BY_AGE = ["age_group", "post_year", "median_follower_count"]


def picture(question_id, columns, rows):
    chart = answer_chart(question_id, Answer(columns=columns, types=["string"] * len(columns), rows=rows))
    svg = drawn(chart.specification, name="x", title="A title", description=chart.description)
    return BeautifulSoup(svg, "html.parser").svg, chart


def texts(svg):
    return [text.get_text() for text in svg.find_all("text")]


@pytest.mark.parametrize("asked", [asked for asked in QUESTIONS if asked.id in CHARTS], ids=lambda asked: asked.id)
def test_every_chart_is_of_columns_that_its_question_has(asked):
    *_, selected = re.findall("^SELECT (.+)$", asked.sql, re.MULTILINE)
    missing = [column for column in CHARTS[asked.id].columns if not re.search(rf"\b{column}\b", selected)]
    assert missing == []


def test_a_question_without_a_declared_chart_has_none_and_a_chart_without_a_question_is_an_error(monkeypatch):
    ids = [asked.id for asked in QUESTIONS]
    monkeypatch.setattr("include.questions.QUESTION_IDS", (*ids, "Q9"))
    assert "Q9" not in runpy.run_path(question_charts.__file__)["CHARTS"]
    assert answer_chart("Q9", Answer(columns=["country"], types=["string"], rows=[["Peru"]])) is None
    monkeypatch.setattr("include.questions.QUESTION_IDS", tuple(ids[1:]))
    with pytest.raises(ValueError, match=r"charts are declared of \['Q1'\]"):
        runpy.run_path(question_charts.__file__)


def test_the_age_groups_are_those_of_the_questions():
    assert set(re.findall(r"THEN '(.+?)'", question("Q4").sql)) == set(AGE_GROUPS)


def test_a_ranking_begins_with_the_most_and_says_how_much_it_leaves_out():
    rows = [[f"country {n:02}", f"poster {n:02}", n * 1000] for n in range(1, 21)]
    svg, chart = picture("Q3a", ["country", "poster_name", "follower_count"], rows)
    assert texts(svg)[:2] == ["country 20 · poster 20", "country 19 · poster 19"]
    assert texts(svg)[15:17] == ["20,000", "19,000"]
    assert chart.caption.endswith("Shown are 15 of 20.")


def test_categories_are_counted_by_countries_and_a_tie_counts_for_each():
    rows = [["Peru", "art", 9], ["Peru", "travel", 9], ["Chile", "art", 1]]
    assert texts(picture("Q1", ["country", "category", "category_count"], rows)[0]) == ["art", "travel", "2", "1"]


def test_years_and_age_groups_keep_their_order_whatever_their_numbers():
    years = [[2018, "art", 1], [2019, "art", 5], [2019, "travel", 5]]
    assert texts(picture("Q2top", POSTS, years)[0])[:3] == ["2018 · art", "2019 · art", "2019 · travel"]
    ages = [["+50", "art", 9], ["18-24", "art", 1], ["36-50", "art", 5]]
    svg, _ = picture("Q4", ["age_group", "category", "category_count"], ages)
    assert texts(svg)[:3] == ["18-24 · art", "36-50 · art", "+50 · art"]


def test_bars_are_as_long_as_their_numbers():
    svg, _ = picture("Q5", BY_AGE[::2], [["18-24", 100.0], ["25-35", 25.5], ["+50", 0.0]])
    lengths = [float(re.search(r"h([\d.]+)v", path["d"])[1]) for path in svg.select(".mark-rect path")]
    assert lengths == [pytest.approx(WIDTH), pytest.approx(WIDTH * 0.255), 0]
    assert texts(svg)[3:] == ["100", "25.5", "0"]


def test_each_category_has_a_panel_with_all_its_years():
    rows = [[year, category, year - 2010] for year in range(2018, 2023) for category in ("art", "travel")]
    svg, _ = picture("Q2", POSTS, rows)
    assert [text for text in texts(svg) if not text.isdigit()] == ["art", "travel"]
    assert len(svg.select(".mark-symbol path")) == 10


def test_lines_are_told_apart_without_colour():
    rows = [[group, year, 1000.0 * place] for place, group in enumerate(AGE_GROUPS, 1) for year in (2015, 2016)]
    svg, _ = picture("Q8", BY_AGE, rows)
    lines = [(path["stroke"], path.get("stroke-dasharray")) for path in svg.select(".mark-line path")]
    assert len({colour for colour, _ in lines}) == len({dash for _, dash in lines}) == 4
    assert [text for text in texts(svg) if text in AGE_GROUPS] == list(AGE_GROUPS)


@pytest.mark.parametrize(("least", "told"), [(1.0, True), (0.0, False)])
def test_a_logarithmic_scale_is_told_where_it_is_drawn(least, told):
    _, chart = picture("Q8", BY_AGE, [["18-24", 2015, least], ["18-24", 2016, 900.0]])
    assert chart.caption.endswith("The scale is logarithmic.") == told


@pytest.mark.parametrize("values", [(1, 1), (3, 900_000), (0, 5), (999.5, 1_000_001)])
def test_a_line_of_any_height_lies_within_its_chart(values):
    rows = [["18-24", year, float(value)] for year, value in zip((2015, 2016), values, strict=True)]
    svg, _ = picture("Q8", BY_AGE, rows)
    (line,) = svg.select(".mark-line path")
    heights = [float(pair.split(",")[1]) for pair in re.findall(r"[-\d.]+,[-\d.]+", line["d"])]
    height = float(svg["viewbox"].split()[3])
    assert len(heights) == 2
    assert all(0 <= value <= height for value in heights)


def test_one_year_alone_is_a_dot_with_its_year():
    svg, _ = picture("Q7", ["post_year", "median_follower_count"], [[2016, 12.0]])
    assert "2016" in texts(svg)
    assert len(svg.select(".mark-symbol path")) == 1


def test_colours_are_the_pages_and_text_is_readable_on_a_phone():
    rows = [[group, year, 5.0] for group in AGE_GROUPS for year in (2015, 2016)]
    for svg in (picture("Q8", BY_AGE, rows)[0], picture("Q5", BY_AGE[::2], [["18-24", 100.0]])[0]):
        painted = [tag[name] for tag in svg.find_all() for name in ("fill", "stroke") if tag.has_attr(name)]
        assert {colour for colour in painted if not colour.startswith("var(--")} <= {"none", "transparent"}
        assert all(float(text["font-size"].removesuffix("px")) >= 12 for text in svg.find_all("text"))
        assert float(svg["viewbox"].split()[2]) <= 400
        assert not svg.find_all(style=True)


@pytest.mark.parametrize(
    "hostile", ["</text><script>alert(1)</script>", "&lt;b&gt;", "x" * 500, "a\u202eb", "datum.x['"]
)
def test_a_text_from_data_is_text_in_every_kind_of_chart(hostile):
    for question_id, columns, row in (
        ("Q3a", ["country", "poster_name", "follower_count"], [hostile, hostile, 3]),
        ("Q2", POSTS, [2018, hostile, 3]),
        ("Q8", BY_AGE, [hostile, 2018, 3.0]),
    ):
        svg, chart = picture(question_id, columns, [row])
        assert not svg.find_all(["script", "b"])
        shown = "".join([*texts(svg), chart.description])
        assert hostile[:4].replace("\u202e", "\\u202e") in shown
        assert "\u202e" not in shown
        assert len(shown) < 500


def test_rows_with_a_null_are_left_out_and_other_columns_make_no_chart():
    svg, _ = picture("Q5", BY_AGE[::2], [["18-24", 100.0], ["+50", None]])
    assert texts(svg) == ["18-24", "100"]
    for columns, rows in ((["other"], [["x"]]), (BY_AGE[::2], []), (BY_AGE[::2], [["18-24", "many"]])):
        assert answer_chart("Q5", Answer(columns=columns, types=["string"] * len(columns), rows=rows)) is None
