"""The page as a browser gets it: each state, and what is hostile in the data."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from pinpipe_airflow.page.days import DayState, Run
from pinpipe_airflow.page.pipeline import Pipeline
from pinpipe_airflow.page.question import Seen
from pinpipe_airflow.page.rendering import policy, render_day, render_overview, render_parts, render_refusal
from pinpipe_airflow.page.runs import Runs
from pinpipe_airflow.page.stations import Looks
from pinpipe_airflow.page.view import Viewer, day_view, overview

from tests.unit.plugins.page import sample_pipeline
from tests.unit.plugins.page.sample_pipeline import HOSTILE, full_objects, key, receipt, running, states

NOW = datetime.now(UTC)
TODAY = NOW.date()
ABOUT: dict[str, Any] = {"root": "../", "pipeline_id": "pinpipe", "env": "local"}
EVERYTHING = Viewer(samples=True, clean=True)


def content(pipeline: Pipeline, viewer: Viewer = EVERYTHING) -> Any:
    looks = pipeline.looks(patience_s=30)
    return overview(
        looks,
        viewer,
        now=NOW,
        settle=pipeline.settle,
        stalled_after=timedelta(minutes=5),
        sink_rotates=timedelta(minutes=1),
    )


def page(pipeline: Pipeline, viewer: Viewer = EVERYTHING) -> BeautifulSoup:
    return BeautifulSoup(render_overview(content(pipeline, viewer), **ABOUT), "html.parser")


def words(soup: Any) -> str:
    return " ".join(soup.get_text(" ").split())


@pytest.fixture(scope="module")
def samples() -> dict[str, Pipeline]:
    return states(NOW)


@pytest.mark.parametrize("state", ["full", "partial", "empty", "broken"])
def test_every_state_has_all_stations_and_days(samples: dict[str, Pipeline], state: str) -> None:
    soup = page(samples[state])
    assert len(soup.select(".station")) == 8
    assert len(soup.select(".grid .cell")) == 30
    assert all(card.select_one(".health").get_text(strip=True) for card in soup.select(".station")), "no colour alone"
    assert all(cell.select_one(".state").get_text(strip=True) for cell in soup.select(".cell"))


def test_the_full_page_has_each_kind_of_day_and_quarantine_by_rule(samples: dict[str, Pipeline]) -> None:
    soup = page(samples["full"])
    kinds = {name for cell in soup.select(".cell") for name in cell["class"]}
    assert {"clean", "quarantined", "late", "missing", "broken", "not-due", "running"} <= kinds
    assert [rule.strong.get_text() for rule in soup.select(".rule")] == ["follower_count_unparsable", "unparsable"]
    assert "364, since" in words(soup)


def test_an_empty_pipeline_says_what_to_do(samples: dict[str, Pipeline]) -> None:
    text = words(page(samples["empty"]))
    assert "Nothing is provisioned yet: run the DAG provision" in text
    assert "No day has been cleaned." in text


def test_a_page_whose_services_are_down_still_shows_the_days(samples: dict[str, Pipeline]) -> None:
    soup = page(samples["broken"])
    assert words(soup).count("cannot be asked") == 5
    assert soup.select(".cell.clean")


def test_receipts_that_cannot_be_read_are_no_empty_pipeline() -> None:
    refused = Looks(cleaned=Seen(error="ClientError: AccessDenied"))
    shown = overview(
        refused,
        EVERYTHING,
        now=NOW,
        settle=timedelta(0),
        stalled_after=timedelta(minutes=5),
        sink_rotates=timedelta(minutes=1),
    )
    text = words(BeautifulSoup(render_overview(shown, **ABOUT), "html.parser"))
    assert "The receipts cannot be read: ClientError: AccessDenied" in text
    assert "Nothing is provisioned" not in text


def test_hostile_rows_rules_data_sets_and_run_ids_do_no_harm() -> None:
    day = TODAY - timedelta(days=1)
    objects = full_objects(TODAY, 12)
    objects[key(day)] = receipt(day, 9, {HOSTILE: 2}, run_id=f"{HOSTILE}__try1")
    objects[key(day)]["data_sets"][HOSTILE] = {"read": 1, "clean": 1}
    bad = Run("clean_batch", HOSTILE, HOSTILE, NOW, None, day)
    pipeline = sample_pipeline.sample_pipeline(
        objects, running(NOW, connector=f"FAILED: {HOSTILE}", api_stage=HOSTILE), Runs({day: bad}, {"clean_batch": bad})
    )
    shown = content(pipeline)
    of_day = day_view(day, pipeline.of_day(day), pipeline.looks(30), EVERYTHING, now=NOW, settle=pipeline.settle)
    for html in (render_overview(shown, **ABOUT), render_day(of_day, **ABOUT), *render_parts(shown, **ABOUT).values()):
        soup = BeautifulSoup(html, "html.parser")
        assert not soup.select("img, iframe, object, svg")
        assert all(script.string and script.string.startswith('"use strict"') for script in soup.select("script"))
        assert not [name for tag in soup.find_all(True) for name in tag.attrs if name.startswith("on")]
        assert "\u202e" not in html
    assert HOSTILE not in json.dumps(shown.as_json["stations"][0])
    assert "<script>" in words(BeautifulSoup(render_day(of_day, **ABOUT), "html.parser")), "it is shown, as text"


def test_samples_are_shown_to_those_only_who_may_see_them(samples: dict[str, Pipeline]) -> None:
    pipeline = samples["full"]
    assert '"lots"' in words(page(pipeline, Viewer(samples=True)))
    shown = content(pipeline, Viewer(samples=False))
    everything = render_overview(shown, **ABOUT) + json.dumps(shown.as_json)
    assert "lots" not in everything
    assert "permission to read task logs" in everything
    assert "lots" not in json.dumps(content(pipeline).as_json), "never as JSON"


def of(pipeline: Pipeline, day: date, viewer: Viewer) -> BeautifulSoup:
    shown = day_view(day, pipeline.of_day(day), pipeline.looks(30), viewer, now=NOW, settle=pipeline.settle)
    return BeautifulSoup(render_day(shown, **{**ABOUT, "root": "../../"}), "html.parser")


def test_a_day_leads_to_its_run_and_to_the_form(samples: dict[str, Pipeline]) -> None:
    day = TODAY - timedelta(days=1)
    soup = of(samples["full"], day, EVERYTHING)
    run = soup.select_one("section a[data-leave]")
    assert run["href"].startswith("../../dags/clean_batch/runs/scheduled__")
    form = soup.select_one("form#clean")
    assert (form["data-day"], form["data-api"]) == (str(day), "../../api/v2/dags/clean_batch/dagRuns")
    assert {select["name"] for select in form.select("select")} == {"missing_raw", "too_many_quarantined"}
    assert all(soup.select_one(f"label[for={select['id']}]") for select in form.select("select"))


def test_who_may_not_trigger_gets_no_form(samples: dict[str, Pipeline]) -> None:
    soup = of(samples["full"], TODAY - timedelta(days=1), Viewer())
    assert not soup.select("form, button")
    assert "You may not trigger the DAG clean_batch" in words(soup)


def test_a_day_of_long_ago_names_the_run_of_its_receipt(samples: dict[str, Pipeline]) -> None:
    soup = of(samples["full"], TODAY - timedelta(days=200), EVERYTHING)
    assert "as the receipt says; Airflow may have forgotten it" in words(soup)


def test_of_a_day_of_long_ago_its_late_objects_and_its_run_are_looked_up() -> None:
    day = TODAY - timedelta(days=200)
    objects = {**full_objects(TODAY), f"topics/{sample_pipeline.PIN_TOPIC}/dt={day}/late.json": b"{}"}
    backfill = Run("clean_batch", "backfill__1", "running", NOW, None, day)
    soup = of(sample_pipeline.sample_pipeline(objects, running(NOW), Runs({day: backfill})), day, EVERYTHING)
    assert "1 raw object has come since" in words(soup)
    assert "backfill__1" in words(soup)


def test_what_of_a_day_could_not_be_looked_up_is_not_stated(samples: dict[str, Pipeline]) -> None:
    day, full = TODAY - timedelta(days=200), samples["full"]
    asked = replace(full.of_day(day), late=Seen(error="Timeout"), run=Seen(error="OperationalError: locked"))
    shown = day_view(day, asked, full.looks(30), EVERYTHING, now=NOW, settle=full.settle)
    text = words(BeautifulSoup(render_day(shown, **ABOUT), "html.parser"))
    assert "Whether raw objects have come since is not known." in text
    assert "Which run cleans it, as Airflow knows it, cannot be said: OperationalError: locked" in text
    assert "None that Airflow knows of" not in text
    unlisted = day_view(day, replace(asked, receipt=Seen(None, NOW)), Looks(), EVERYTHING, now=NOW, settle=full.settle)
    assert unlisted.cell.state is DayState.UNKNOWN


def test_a_day_without_a_receipt_is_a_page_too(samples: dict[str, Pipeline]) -> None:
    assert "missing" in words(of(samples["full"], TODAY - timedelta(days=11), EVERYTHING))
    assert "None that Airflow knows of." in words(of(samples["empty"], TODAY - timedelta(days=11), EVERYTHING))


def test_the_policy_lets_in_the_pages_own_script_and_style_alone(samples: dict[str, Pipeline]) -> None:
    soup = page(samples["partial"])
    for name in ("script", "style"):
        (own,) = soup.select(name)
        digest = base64.b64encode(hashlib.sha256(own.string.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy()
    assert not soup.select("[style], link, [src]"), "nothing is loaded, and no style stands in an attribute"
    assert "frame-ancestors 'self'" in policy()


def test_the_page_can_be_used_without_seeing_it(samples: dict[str, Pipeline]) -> None:
    soup = page(samples["full"])
    assert soup.html["lang"] == "en"
    assert [len(soup.select(name)) for name in ("h1", "main")] == [1, 1]
    assert all(soup.select_one(f"#{part['aria-labelledby']}") for part in soup.select("section"))
    assert soup.select_one("#status")["role"] == "status"
    assert all(mark.get("aria-hidden") == "true" for mark in soup.select(".badge, .key"))
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("status", "says"), [(401, "Sign in"), (403, "may not see this page")])
def test_a_refusal_says_what_to_do_and_shows_nothing(status: int, says: str) -> None:
    html = render_refusal(status, **{**ABOUT, "here": f"http://airflow/pinpipe/?x={HOSTILE}"})
    assert says in html
    assert HOSTILE not in html
