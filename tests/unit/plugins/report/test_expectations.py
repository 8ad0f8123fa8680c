import json

import pytest
from bs4 import BeautifulSoup
from pinpipe_airflow.report.expectations import DAYS_SHOWN, shown_expectations
from pinpipe_airflow.report.page import render_report
from pinpipe_airflow.report.receipts import CleanedDay
from pydantic import ValidationError


def told(name="rows_read", met=True, **fields):
    return {"data_set": "user", "name": name, "value": 90, "low": 50, "high": 200.5, "met": met, **fields}


def named(shown):
    return [(str(one.day), one.told.name, one.told.column) for one in shown]


def test_unmet_ones_of_the_last_days_and_the_newest_days_met_ones_are_shown(cleaned):
    days = [
        cleaned("2026-11-20", 90, expectations=[told(), told("null_share", False, column="title")]),
        cleaned("2026-11-19", 90, expectations=[told(met=False), told("null_share", column="title")]),
        cleaned("2026-11-18", 90),
    ]
    unmet, met = shown_expectations(days)
    assert named(unmet) == [("2026-11-20", "null_share", "title"), ("2026-11-19", "rows_read", None)]
    assert named(met) == [("2026-11-20", "rows_read", None)]


def test_unmet_ones_that_lie_far_back_are_not_shown(cleaned):
    old = cleaned("2020-01-01", expectations=[told(met=False)])
    assert shown_expectations([*[cleaned("2026-11-20")] * DAYS_SHOWN, old]) == ([], [])


def test_a_figure_that_is_no_number_is_no_receipt(cleaned):
    with pytest.raises(ValidationError, match=r"expectations\.0\.value"):
        CleanedDay.model_validate_json(
            json.dumps({"day": "2026-11-20", "data_sets": {}, "expectations": [told(value=float("nan"))]})
        )


@pytest.fixture
def section(answered, now):
    def render(*days):
        page = BeautifulSoup(render_report("pinpipe", answered(), days, made_at=now), "html.parser")
        elements = page.find("h2", id="expectations").find_next_siblings()
        until = next(place for place, element in enumerate(elements) if element.name == "h2")
        return BeautifulSoup("".join(map(str, elements[:until])), "html.parser")

    return render


def test_the_unmet_ones_come_first_with_their_bounds_in_the_units_of_the_figure(section, cleaned):
    share = told("null_share", met=False, column="title", value=0.25, low=None, high=0.0712)
    unmet, met = section(cleaned("2026-11-20", 90, expectations=[told(), share])).find_all("table")
    cells = [cell.get_text(" ", strip=True) for cell in unmet.find_all("td")]
    assert cells == [
        "2026-11-20", "user", "null_share of title : clean rows without a value", "25.00 %", "–", "7.12 %",
    ]  # fmt: skip
    assert [cell.get_text() for cell in met.find_all("td")][3:] == ["90", "50", "200.5"]


def test_names_from_outside_do_no_harm(section, cleaned):
    found = section(cleaned("2026-11-20", expectations=[told("<b>x</b>", met=False, column="<i>")]))
    assert found.find(["b", "i"]) is None
    assert "<b>x</b> of <i>" in found.get_text()


def test_days_that_an_earlier_version_cleaned_have_none(section, cleaned):
    assert "no day was cleaned by a version that compares days" in section(cleaned("2026-11-20", 9)).get_text()


def test_a_day_as_expected_says_so(section, cleaned):
    assert section(cleaned("2026-11-20", 9, expectations=[told()])).p.get_text() == "All are met."
