"""Changes of what is sent, from the API to tables, views and receipt: new columns, breaking ones, too many of these."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from confluent_kafka import Producer

from include.schema import dataset
from tests.e2e.comparison import rows_of_day
from tests.e2e.conftest import World
from tests.e2e.failed_cleaning import failed_try
from tests.e2e.oracle.malformed import good_row
from tests.world import analytics_unpaused

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]

DAY = date(2023, 6, 1)  # of no other test
NOON_MS = int(datetime(2023, 6, 1, 12, tzinfo=UTC).timestamp() * 1000)
FIRST_NUMBER = 960_001
BROKEN, GOOD = 400, 100
EXPECTATION_FIELDS = {"data_set", "name", "value", "low", "high", "met"}


def geo(number: int, **changes: Any) -> dict[str, Any]:
    return {**good_row("geo", number)[0], **changes}


def write(world: World, rows: Iterable[dict[str, Any]]) -> None:
    """Write geo records to their topic as of the day."""
    producer = Producer({"bootstrap.servers": world.bootstrap})
    for row in rows:
        producer.produce("pinpipe.geo", json.dumps(row), str(row["ind"]), timestamp=NOON_MS)
    assert producer.flush(30) == 0


@pytest.fixture(scope="module")
def receipt(world: World) -> dict[str, Any]:
    """The receipt of a day with good records, one with new columns and one of a renamed column."""
    extended = geo(FIRST_NUMBER, altitude=12.5, place={"zip": "007", "names": ["x", None]})
    renamed = {name: value for name, value in geo(FIRST_NUMBER + 1, nation="Fiji").items() if name != "country"}
    write(world, [extended, renamed, *(geo(FIRST_NUMBER + number) for number in range(2, GOOD))])
    world.run("clean_batch", {"day": str(DAY)})
    return world.receipt(f"receipts/clean_batch/dt={DAY}/latest.json")


def test_the_api_shows_the_contracts(world: World) -> None:
    (api,) = [api for api in world.aws("apigateway").get_rest_apis()["items"] if api["name"] == "pinpipe"]
    models = {model["name"]: model for model in world.aws("apigateway").get_models(restApiId=api["id"])["items"]}
    for name in ("pin", "geo", "user"):
        shown = json.loads(models[name.capitalize()]["schema"])
        assert list(shown["properties"]) == [column.name for column in dataset(name).columns]


def test_fields_that_the_contract_does_not_know_are_kept_in_table_and_view(
    world: World, receipt: dict[str, Any]
) -> None:
    rescued = '{"altitude":12.5,"place":{"names":["x",null],"zip":"007"}}'
    kept = {row["ind"]: row["_rescued_data"] for row in rows_of_day("geo", DAY)}
    assert kept == {FIRST_NUMBER: rescued, **{FIRST_NUMBER + number: None for number in range(2, GOOD)}}
    shown = json.loads(world.pinpipe("table", "geo", "--day", str(DAY), "--format", "json").stdout)
    assert {row["ind"]: row["_rescued_data"] for row in shown} == kept
    assert receipt["rescued"] == {"pin": 0, "geo": 1, "user": 0}


def test_a_renamed_column_is_quarantined_by_its_rule(receipt: dict[str, Any]) -> None:
    (row,) = rows_of_day("quarantine", DAY)
    assert (row["key"], row["rules"]) == (str(FIRST_NUMBER + 1), ["country_missing"])
    assert json.loads(row["raw"])["nation"] == "Fiji"


@pytest.mark.long  # for the answers, which take a minute
def test_the_receipt_tells_contracts_and_expectations_and_the_report_shows_them(
    world: World, receipt: dict[str, Any]
) -> None:
    assert receipt["contracts"] == {"pin": 1, "geo": 1, "user": 1}
    told = {one["name"]: one for one in receipt["expectations"] if one["data_set"] == "geo"}
    assert told.keys() >= {"rows_read", "quarantined_share", "superseded_share", "rescued_share"}
    assert told["rows_read"]["value"] == GOOD
    assert all(one.keys() >= EXPECTATION_FIELDS for one in told.values())
    with analytics_unpaused(world):
        world.run("analytics", {})
    path = world.pinpipe("report").stdout.strip().splitlines()[-1]
    with open(path, encoding="utf-8") as file:
        section = file.read().split('id="expectations"')[1].split("<h2")[0]
    # What was met is shown of the newest day alone, which other tests may have cleaned.
    pages = (
        world.aws("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket="pinpipe-local", Prefix="receipts/clean_batch/")
    )
    newest = world.receipt(max(entry["Key"] for page in pages for entry in page["Contents"]))
    expected = next(one for one in newest["expectations"] if (one["data_set"], one["name"]) == ("geo", "rows_read"))
    rows = [row for row in section.split("<tr>") if f">{newest['day']}</td><td>geo<" in row and "rows_read" in row]
    assert [f'<td class="number">{expected["value"]:,}</td>' in row for row in rows] == [True]


def test_a_day_with_too_many_broken_rows_stays_as_it_was_until_they_are_accepted(
    world: World, receipt: dict[str, Any], wait_until: Callable[[Callable[[], bool], float], None]
) -> None:
    before = {name: rows_of_day(name, DAY) for name in ("geo", "quarantine", "metrics")}
    write(world, (geo(FIRST_NUMBER + 10_000 + number, country=["Fiji"]) for number in range(BROKEN)))

    log = failed_try(world, world.api.trigger("clean_batch", {"day": str(DAY)}), wait_until)

    share = (BROKEN + 1) / (BROKEN + GOOD)
    rules = f"country_unparsable {BROKEN}, country_missing 1"
    assert f"too many rows break rules (geo {share:.1%}: {rules}; max_quarantined_share allows 10.0%)" in log
    assert log.count('"country": ["Fiji"]') >= 2, "the log shows no rows"
    assert "too_many_quarantined" in log
    assert {name: rows_of_day(name, DAY) for name in before} == before
    assert world.receipt(f"receipts/clean_batch/dt={DAY}/latest.json") == receipt

    world.run("clean_batch", {"day": str(DAY), "too_many_quarantined": "accept"})

    assert len(rows_of_day("quarantine", DAY)) == BROKEN + 1
    assert rows_of_day("geo", DAY) == before["geo"]
    accepted = world.receipt(f"receipts/clean_batch/dt={DAY}/latest.json")
    assert {"data_set": "geo", "warning": "quarantined_share", "count": BROKEN + 1} in accepted["warnings"]
