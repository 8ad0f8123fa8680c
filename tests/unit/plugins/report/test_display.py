import pytest
from bs4 import BeautifulSoup
from pinpipe_airflow.report.differences import Unit
from pinpipe_airflow.report.display import (
    CHARACTERS_SHOWN,
    attribute,
    breakable,
    change,
    excerpt,
    measure,
    raw_line,
    share,
    shown,
    visible,
)


def text(html):
    return BeautifulSoup(html, "html.parser").get_text()


@pytest.mark.parametrize(
    ("newest", "base", "told"),
    [
        (110, 100, "+10 (+10.0 %)"),
        (90, 100, "−10 (−10.0 %)"),
        (100, 100, "±0 (±0.0 %)"),
        (1500, 4, "+1,496 (+37,400.0 %)"),
        (5, 6.6, "−1.6 (−24.2 %)"),
        (0, 3, "−3 (−100.0 %)"),
        (3, 0, "+3 (from none)"),
        (0, 0, "±0"),
        (3, None, "–"),
        (None, 3, "–"),
    ],
)
def test_rows_differ_by_number_and_percent_and_never_divide_by_zero(newest, base, told):
    assert change(newest, base, Unit.ROWS) == told


@pytest.mark.parametrize(
    ("newest", "base", "told"),
    [(0.05, 0.03, "+2.00 pp"), (0.0, 0.015, "−1.50 pp"), (0.02, 0.02, "±0.00 pp"), (None, 0.1, "–"), (0.1, None, "–")],
)
def test_shares_differ_by_percentage_points(newest, base, told):
    assert change(newest, base, Unit.SHARE) == told


def test_a_measure_is_shown_in_its_unit():
    assert [measure(value, Unit.ROWS) for value in (1234, 6.5714, 7.0, None)] == ["1,234", "6.6", "7", "–"]
    assert measure(0.0123, Unit.SHARE) == "1.23 %"


def test_a_rare_share_does_not_look_like_none():
    assert [share(value) for value in (0, 0.00001, 0.0001, 1, None)] == [
        "0.00 %",
        "under 0.01 %",
        "0.01 %",
        "100.00 %",
        "–",
    ]


def test_numbers_of_answers_have_their_thousands_apart_but_not_in_years():
    assert [shown(value) for value in (15000000, 21000.0, 9.5)] == ["15,000,000", "21,000", "9.5"]
    assert shown(2016, "post_year") == "2016"
    assert [shown(value) for value in (None, True, "<b>")] == ["–", "True", "&lt;b&gt;"]


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("a\u202eb", r"a\u202eb"),
        ("\x00\x1b[31m", r"\x00\x1b[31m"),
        ("line\nfeed\ttab\r", r"line\nfeed\ttab\r"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\u2028\x85", r"\u2028\x85"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("Größe 😀 ‘quoted’", "Größe 😀 ‘quoted’"),
    ],
)
def test_what_is_not_seen_is_shown_as_its_escape(raw, seen):
    assert text(visible(raw)) == seen
    assert attribute(raw) == seen


@pytest.mark.parametrize("raw", ["<script>alert(1)</script>", "\"'&<>", "</code></bdi>", "&lt;b&gt;", "a\u202e<i>"])
def test_what_came_from_outside_is_text_and_no_markup(raw):
    parsed = BeautifulSoup(excerpt(raw), "html.parser")
    assert {tag.name for tag in parsed.find_all()} <= {"code", "bdi", "span"}
    assert parsed.code.get_text() == raw.replace("\u202e", "\\u202e")


def test_a_long_text_is_cut_and_says_so():
    page = excerpt("x" * 10_240)
    assert text(page) == f"{'x' * CHARACTERS_SHOWN} cut: 300 of 10,240 characters"


def test_a_text_that_was_cut_before_says_how_long_it_was():
    assert text(excerpt("x" * 300, 10_240)).endswith(" cut: 300 of 10,240 characters")
    assert text(excerpt("short", 5)) == "short"


def test_a_line_of_base64_is_told_without_claiming_what_cannot_be_known():
    note = "bytes that are not UTF-8, unless the line itself begins with base64:"
    assert text(raw_line("base64:/9j/4AAQ")) == f"base64:/9j/4AAQ {note}"
    assert text(raw_line("plain")) == "plain"
    assert text(raw_line(None)) == "nothing"


def test_a_value_that_begins_like_base64_is_no_line_of_bytes():
    assert text(excerpt("base64:/9j/4AAQ")) == "base64:/9j/4AAQ"


def test_no_text_is_told_apart_from_an_empty_one():
    assert text(excerpt(None)) == "nothing"
    assert text(excerpt("")) == ""


def test_a_columns_name_breaks_after_its_underscores_and_holds_no_markup_of_its_own():
    assert breakable("a_b<i>\u202e") == 'a_<wbr>b&lt;i&gt;<span class="hidden">\\u202e</span>'
