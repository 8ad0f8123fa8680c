"""The page as a browser would read it: parsed, never searched as text alone."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from pinpipe_airflow.report.answer_changes import answer_changes
from pinpipe_airflow.report.display import attribute
from pinpipe_airflow.report.page import render_report
from pinpipe_airflow.report.receipts import Problem

from include.questions import QUESTION_IDS, QUESTIONS, Question


@pytest.fixture
def page(answered, now):
    def render(*days, pipeline_id="pinpipe", problems=(), beat=None, **answers):
        html = render_report(
            pipeline_id, answered(**answers), days, made_at=now, problems=problems, beat=beat,
            settle=timedelta(minutes=10),
        )  # fmt: skip
        return BeautifulSoup(html, "html.parser")

    return render


def section(parsed, name):
    """Return the elements between a heading and the next of its kind, as one piece."""
    heading = parsed.find("h2", id=name)
    own = []
    for element in heading.find_next_siblings():
        if element.name == "h2":
            break
        own.append(str(element))
    return BeautifulSoup("".join(own), "html.parser")


def cells(parsed):
    return [[cell.get_text(" ", strip=True) for cell in row.find_all(["td", "th"])] for row in parsed.find_all("tr")]


def test_every_section_is_there_and_reached_from_the_top(page, cleaned):
    parsed = page(cleaned("2026-11-20", 9, {"age_missing": 1}))
    assert [heading["id"] for heading in parsed.find_all("h2")] == [
        "freshness",
        "answers",
        "methods",
        "changes",
        "differences",
        "volumes",
        "stream",
        "quarantine",
        "expectations",
        "warnings",
    ]
    assert [link["href"][1:] for link in parsed.nav.find_all("a")] == [h["id"] for h in parsed.find_all("h2")]


def test_freshness_is_told_in_colour_and_words(page, cleaned):
    facts = section(
        page(cleaned("2026-11-18", 9), problems=[Problem("receipts/<b>", "not JSON", "Clean its day again")]),
        "freshness",
    )
    levels = {item.strong.get_text(): (item["class"], item.span.get_text()) for item in facts.find_all("li")}
    assert levels["Yesterday"] == (["problem"], "problem")
    assert levels["Rules"] == (["ok"], "ok")
    assert levels["Broken receipt"] == (["problem"], "problem")
    assert "receipts/<b>: not JSON" in facts.get_text()


def test_the_streams_rows_and_broken_rules_are_shown_with_how_it_is(page, cleaned, beat):
    rows = {"read": 1_203, "appended": {"pin": 600, "geo": 600, "user": 0}, "quarantined": 3}
    parsed = section(page(beat=beat(rows=rows, quarantined_by_rule={"geo": {"latitude_out_of_range": 3}})), "stream")
    assert [item["class"] for item in parsed.find_all("li")] == [["ok"], ["info"]]
    assert cells(parsed)[:2] == [["read", "pin", "geo", "user", "quarantined"], ["1,203", "600", "600", "0", "3"]]
    assert cells(parsed)[3][:3] == ["geo", "latitude_out_of_range", "3"]


def test_what_a_heartbeat_says_does_no_harm(page, beat):
    parsed = section(page(beat=beat(state="failed", error="<script>alert(1)</script>")), "stream")
    assert parsed.script is None
    assert "<script>alert(1)</script>" in parsed.li.get_text()


def test_differences_are_shown_as_rows_percent_and_points(page, cleaned):
    rows = cells(
        section(page(cleaned("2026-11-19", 100), cleaned("2026-11-20", 110, {"age_missing": 11})), "differences")
    )
    assert rows[0][2:4] == ["2026-11-20", "2026-11-19"]
    assert ["user", "rows read", "110", "100", "+10 (+10.0 %)", "100", "+10 (+10.0 %)"] in rows
    assert ["user", "quarantined share", "10.00 %", "0.00 %", "+10.00 pp", "0.00 %", "+10.00 pp"] in rows


def test_what_is_new_and_what_vanished_is_told_with_its_day(page, cleaned):
    found = section(
        page(cleaned("2026-11-19", 9, {"age_missing": 1}), cleaned("2026-11-20", 9, {"ind_missing": 1})), "differences"
    )
    assert [item.get_text() for item in found.find_all("li")] == [
        "user: rule ind_missing, new since 2026-11-20",
        "user: rule age_missing, last broken on 2026-11-19",
    ]


def test_a_first_day_and_an_empty_day_have_their_words(page, cleaned):
    assert "the first cleaned day" in section(page(cleaned("2026-11-20", 9)), "differences").get_text()
    empty = page(cleaned("2026-11-20"))
    assert "Nothing was read" in section(empty, "differences").get_text()
    assert cells(section(empty, "volumes"))[-1][1] == "no data"


def test_a_gap_before_the_newest_day_is_told(page, cleaned):
    parsed = page(cleaned("2026-11-20", 9), cleaned("2026-11-17", 9))
    assert "2026-11-17, the cleaned day before it (3 days earlier)" in section(parsed, "differences").get_text()
    assert len(parsed.svg.select("rect.missing")) == 28


def test_the_table_shows_the_newest_days_and_folds_the_others(page, cleaned):
    days = [cleaned(f"2026-{month}-{day:02}", 9) for month, last in ((10, 31), (11, 20)) for day in range(1, last + 1)]
    volumes = section(page(*days), "volumes")
    open_table, folded = volumes.find_all("table")[:2]
    assert len(open_table.find_all("tbody")) == 1 + 30
    assert cells(open_table)[1][:3] == ["all days", "user", "459"]
    assert cells(open_table)[2][0] == "2026-11-20 run of 2026-11-20"
    assert folded.find_parent("details").summary.get_text() == "21 older days, back to 2026-10-01"
    assert len(folded.find_all("tbody")) == 21


def test_each_data_set_has_a_chart_whose_bars_say_what_they_stand_for(page, cleaned):
    parsed = page(cleaned("2026-11-20", 100, {"age_missing": 20}))
    figures = section(parsed, "volumes").find_all("figure")
    assert [figure.figcaption.get_text() for figure in figures] == ["user"]
    bars = figures[0].svg
    assert bars.find_all("title")[-1].get_text().startswith("2026-11-20: 100 read, 80 clean")
    assert [float(bars.select_one(f"rect.{part}")["height"]) for part in ("clean", "quarantined")] == [80, 20]


def test_quarantine_shows_reason_share_days_and_samples(page, cleaned):
    sample = {"day": "2026-11-20", "key": "17", "raw": '{"ind": 17}', "characters": 11}
    found = section(
        page(cleaned("2026-11-20", 50, {"age_missing": 5}), quarantine_samples={"user": {"age_missing": [sample]}}),
        "quarantine",
    )
    rows = cells(found)
    assert rows[1] == ["user", "age_missing", "5", "10.00 %", "5", "1", "2026-11-20"]
    assert rows[2] == ['age is empty, NULL or not there 1 sample 2026-11-20, key 17 : {"ind": 17}']


def test_warnings_are_told_in_words(page, cleaned):
    warning = {"data_set": "pin", "warning": "unknown_category", "value": "<b>cats</b>", "count": 2}
    found = section(page(cleaned("2026-11-20", 9, warnings=[warning])), "warnings")
    assert (
        "The value of category is none of the known ones. The rows were kept. It occurred 2 times" in found.get_text()
    )
    assert cells(found)[1] == ["<b>cats</b>", "2", "1", "2026-11-20"]


CHARTED = {
    "Q1": {
        "columns": ["country", "category", "category_count"],
        "types": ["string", "string", "bigint"],
        "rows": [["Peru", "art", 3], ["Peru", "travel", 3], ["Chile", "art", 1]],
    },
    "Q8": {
        "columns": ["age_group", "post_year", "median_follower_count"],
        "types": ["string", "int", "double"],
        "rows": [["+50", 2016, 10.0], ["+50", 2017, 12.5], ["18-24", 2016, 3.0]],
    },
}


def test_an_answer_is_a_chart_with_its_table_and_files_beside_it(page, cleaned):
    found = section(page(cleaned("2026-11-20", 9), answers=CHARTED), "answers")
    ranking, lines = found.select("section:has(svg)")
    assert (ranking.h3["id"], lines.h3["id"]) == ("Q1", "Q8")
    assert ranking.figcaption.get_text().startswith("In how many countries")
    texts = [text.get_text() for text in ranking.select("svg text")]
    assert texts == ["art", "travel", "2", "1"]
    assert {text.get_text() for text in lines.select("svg text")} >= {"18-24", "+50", "2016", "2017"}
    assert len(ranking.find_all("tr")) == 4
    assert [link["href"] for link in ranking.find_all("a")] == ["answers/Q1.csv", "answers/Q1.json"]


def test_a_chart_has_a_name_and_a_description_for_those_who_do_not_see_it(page, cleaned):
    parsed = page(cleaned("2026-11-20", 9), answers=CHARTED)
    charts = parsed.select("svg.chart")
    told = [" ".join(parsed.find(id=name).get_text() for name in chart["aria-labelledby"].split()) for chart in charts]
    assert [chart["role"] for chart in charts] == ["img", "img"]
    assert told == [
        "Most popular category by country Bars. art: 2 countries; travel: 1 countries. The table has all numbers.",
        "Median follower count by joining year and age group Lines from 2016 to 2017. The highest value, 12.5 of +50, "
        "is at 2017. The table has all numbers.",
    ]


def test_ids_are_of_one_element_each(page, cleaned):
    parsed = page(cleaned("2026-11-20", 9, {"age_missing": 1}), answers=CHARTED)
    ids = [element["id"] for element in parsed.find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_a_page_of_the_same_input_is_the_same_to_the_byte(answered, now, cleaned):
    pages = {
        render_report("pinpipe", answered(answers=CHARTED), [cleaned("2026-11-20", 9)], made_at=now) for _ in range(2)
    }
    assert len(pages) == 1


def test_how_ties_and_medians_are_taken_is_told(page, cleaned):
    found = section(page(cleaned("2026-11-20", 9)), "methods")
    told = dict(zip([name.get_text() for name in found("dt")], [text.get_text() for text in found("dd")], strict=True))
    assert told["Ties"].startswith("All are kept")
    assert told["Medians"].startswith("Exact, over posts")


def test_nothing_outside_the_reports_folder_is_named(page, cleaned):
    """A browser asks for what these name; ``xmlns`` is a name, and is never asked for."""
    hostile = {**CHARTED["Q1"], "rows": [["https://evil.example/x.js", "url(//evil.example/y)", 3]]}
    parsed = page(cleaned("2026-11-20", 9), answers={**CHARTED, "Q1": hostile})
    asked_for = ("href", "xlink:href", "src", "srcset", "data", "action", "formaction", "poster", "background", "ping")
    named = [tag[name] for tag in parsed.find_all() for name in asked_for if tag.has_attr(name)]
    assert len(named) > 15
    assert not [url for url in named if not re.fullmatch(r"#[\w-]+|answers\.json|answers/\w+\.(csv|json)", url)]
    values = [text for tag in parsed.find_all() for text in tag.attrs.values() if isinstance(text, str)]
    styles = [style.get_text() for style in parsed.find_all("style")]
    assert len(styles) == 1
    assert not [text for text in [*values, *styles] if re.search(r"url\s*\(|@import|image-set|expression\(", text)]
    assert not [text for text in values if "://" in text and text != "http://www.w3.org/2000/svg"
                and text != "http://www.w3.org/1999/xlink"]  # fmt: skip


def test_differences_to_the_last_report_are_told(answered, now, cleaned):
    rows = [["Peru", "art", 2], ["Malta", "<b>", 9]]
    last = answered(
        run_id="the run before", answers={"Q1": {**CHARTED["Q1"], "rows": rows}}, counts={"batch": {"pin": 5}}
    )
    present = answered(answers=CHARTED, counts={"batch": {"pin": 7}})
    html = render_report("pinpipe", present, [cleaned("2026-11-20", 9)], made_at=now,
                         changes=answer_changes(last, present))  # fmt: skip
    parsed = BeautifulSoup(html, "html.parser")
    found = section(parsed, "changes")
    assert cells(found)[1] == ["Q1 Most popular category by country", "0", "1", "2", "1"]
    assert ["Peru , art", "category_count", "2", "3", "+1 (+50.0 %)"] in cells(found)
    assert [item.get_text() for item in found.find_all("li")] == ["Peru, travel", "Chile, art", "Malta, <b>"]
    assert ["batch", "pin", "7", "5", "+2 (+40.0 %)"] in cells(section(parsed, "volumes"))


def test_a_first_report_says_that_there_is_none_before_it(page, cleaned):
    assert "There is no earlier report" in section(page(cleaned("2026-11-20", 9)), "changes").get_text()


@pytest.mark.parametrize(
    "value", ["<script>alert(1)</script>", "\"'><img src=x onerror=y>", "a\u202eb\x00", "x" * 10_240]
)
def test_nothing_from_outside_becomes_markup_or_hides(page, cleaned, beat, value):
    day = cleaned(
        "2026-11-20",
        9,
        data_sets={name: {"read": 9, "quarantined": 1} for name in ("user", value)},
        quarantined_by_rule={name: {value: 1} for name in ("user", value)},
        run_id=value,
        warnings=[{"data_set": value, "warning": value, "value": value, "count": 1}],
    )
    vanished = {name: {f"{value} before": 1} for name in ("user", value)}
    earlier = cleaned("2026-11-19", 9, data_sets=day.data_sets, quarantined_by_rule=vanished)
    answer = {"columns": [value], "types": [value], "rows": [[value]]}
    ranked = {**CHARTED["Q1"], "rows": [[value, value, 3]]}
    lines = {"columns": ["post_year", "category", "category_count"], "types": ["int", "string", "bigint"],
             "rows": [[2018, value, 3], [2019, value, 3]]}  # fmt: skip
    sample = {"day": value, "key": value, "raw": value}
    parsed = page(
        day,
        earlier,
        run_id=value,
        problems=[Problem(value, value, value)],
        quarantine_samples={"user": {value: [sample]}},
        answers={"Q3a": answer, "Q1": ranked, "Q2": lines},
        counts={value: {value: 1}},
    )
    assert not parsed.find_all(["script", "img"])
    attributes = [text for tag in parsed.find_all() for text in tag.attrs.values() if isinstance(text, str)]
    assert not {"\u202e", "\x00"} & set("".join([parsed.get_text(), *attributes]))
    assert not parsed.find_all(src=True) + parsed.find_all(onerror=True)
    assert len(parsed.find_all("h2")) == 10
    assert len(parsed.select("svg.chart")) == 2
    labels = [chart["aria-label"] for chart in parsed.select(".charts svg")]
    assert f"Quarantined share of {attribute(value)} by day; the numbers are in the table below" in labels


def test_the_page_loads_nothing_runs_nothing_and_takes_no_style_but_its_own(page, cleaned):
    parsed = page(cleaned("2026-11-20", 9))
    policy = parsed.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
    digest = base64.b64encode(hashlib.sha256(parsed.style.string.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not parsed.find_all(["script", "link", "img", "iframe", "object"])
    assert not parsed.find_all(attrs={"style": True}) + parsed.find_all(src=True)


def test_the_page_has_colours_for_dark_screens_and_paper(page, cleaned):
    style = page(cleaned("2026-11-20", 9)).style.string
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_all_questions_are_answered(page, cleaned):
    numbers = {"columns": ["post_year", "median"], "types": ["int", "double"], "rows": [[2016, 21000.0], [2017, 9.5]]}
    found = section(page(cleaned("2026-11-20", 9), answers={"Q7": numbers}), "answers")
    assert [heading["id"] for heading in found.find_all("h3")] == list(QUESTION_IDS)
    assert cells(found)[1:3] == [["2016", "21,000"], ["2017", "9.5"]]


def test_a_long_answer_scrolls_and_a_short_one_is_seen_whole(page, cleaned):
    def rows(number):
        return {"columns": ["n"], "types": ["int"], "rows": [[value] for value in range(number)]}

    found = section(page(cleaned("2026-11-20", 9), answers={"Q1": rows(16), "Q2": rows(15)}), "answers")
    assert ["long" in table["class"] for table in found.select(".rows > .scroll")] == [True, False]
    assert [len(table.find_all("tr")) for table in found.find_all("table")] == [17, 16]


def test_a_question_that_an_older_version_did_not_know_is_told(answered, now, cleaned):
    receipt = answered()
    receipt.answers.pop("Q8")
    html = render_report("pinpipe", receipt, [cleaned("2026-11-20", 9)], made_at=now)
    question = BeautifulSoup(html, "html.parser").find("h3", id="Q8")
    assert question.find_next_siblings("p")[1].get_text().startswith("Not answered by this run")


def test_before_any_day_is_cleaned_every_section_says_so(page):
    parsed = page()
    assert "No day has been cleaned yet" in section(parsed, "freshness").get_text()
    assert (
        section(parsed, "differences").get_text()
        == section(parsed, "volumes").get_text()
        == "No day has been cleaned yet."
    )
    assert section(parsed, "quarantine").get_text() == section(parsed, "warnings").get_text() == "None."


def test_a_question_that_was_added_without_a_chart_is_a_table_and_null_in_it_a_dash(page, monkeypatch):
    added = Question("Q9", "Posts by medium", "Posts of each medium; NULL where it is not known.")
    monkeypatch.setattr("pinpipe_airflow.report.page.QUESTIONS", (*QUESTIONS, added))
    rows = [["video", 1200], [None, 3]]
    answer = {"columns": ["medium", "posts"], "types": ["string", "bigint"], "rows": rows}
    shown = page(answers={"Q9": answer}).find("section", {"aria-labelledby": "Q9"})
    assert shown.h3.get_text() == "Q9: Posts by medium"
    assert [[cell.get_text() for cell in row("td")] for row in shown.tbody("tr")] == [["video", "1,200"], ["–", "3"]]
    assert shown.figure is None
