"""Bad requests to the deployed API: each is refused with its reason, and what is good beside it arrives once."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.e2e.conftest import World
from tests.e2e.kafka_log import end_offsets, messages_since

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]

TOPIC = "pinpipe.geo"
RECORDS = "application/vnd.kafka.json.v2+json"
HOUR_MS = 3_600_000


def record(number: int, **members: Any) -> dict[str, Any]:
    row = {
        "ind": number,
        "timestamp": "2020-08-28T03:52:47",
        "latitude": 1.5,
        "longitude": 2.5,
        "country": "Fiji",
    }
    return {"key": str(number), "value": row, **members}


def request(*records: dict[str, Any]) -> bytes:
    return json.dumps({"records": records}).encode()


def nested(levels: int) -> bytes:
    value = b'{"ind": 971900, "deep": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"
    return b'{"records": [{"key": "971900", "value": %b}]}' % value


GOOD = request(record(971_000))
REFUSED = {
    "malformed JSON": (GOOD[:-1], {}, 400, "not JSON: "),
    "no JSON at all": (b"ind=1&country=Fiji", {}, 400, "not JSON: "),
    "not UTF-8": (GOOD.replace(b"Fiji", b"Per\xfa"), {}, 400, "not UTF-8 at byte"),
    "with a byte order mark": (b"\xef\xbb\xbf" + GOOD, {}, 400, "not JSON: "),
    "UTF-16": (GOOD.decode().encode("utf-16"), {}, 400, "not UTF-8 at byte 0"),
    "empty": (b"", {}, 400, "not JSON: "),
    "a list": (b"[]", {}, 400, "$ must be object"),
    "no record": (request(), {}, 400, "$.records must contain at least 1 items"),
    "no value": (request(record(1), {"key": "2"}), {}, 400, "$.records[1] must contain"),
    "missing key": (request(record(1), {"value": {"ind": 2}}), {}, 400, "$.records[1] must contain ['key'"),
    "null as key": (request(record(1, key=None)), {}, 400, "$.records[0].key must be string"),
    "null as value": (request(record(1), record(2, value=None)), {}, 400, "$.records[1].value must not be null"),
    "501 records": (request(*[record(1)] * 501), {}, 400, "$.records must contain less than or equal to 500 items"),
    "an 11 MB body": (b" " * 11_000_000 + GOOD, {}, 413, "the body is larger than 10 MB"),
    "deeply nested JSON": (nested(100_000), {}, 400, "nested too deeply"),
    "JSON nested deeper than Spark reads": (nested(998), {}, 422, "nested too deeply: more than 997 levels"),
    "a number of 1001 digits": (GOOD.replace(b"1.5", b"9" * 1001), {}, 422, "a number has 1001 digits"),
    "NaN": (GOOD.replace(b"1.5", b"NaN"), {}, 400, "NaN is no JSON"),
    "half of a surrogate pair": (GOOD.replace(b"Fiji", b"\\ud800"), {}, 422, "half of a surrogate pair"),
    "a member that the proxy does not know": (request(record(1, colour="red")), {}, 422, "unknown field `colour`"),
    "wrong content type": (GOOD, {"content_type": "text/plain"}, 415, f"'text/plain', wanted {RECORDS}"),
    "content type of plain JSON": (GOOD, {"content_type": "application/json"}, 415, f"wanted {RECORDS}"),
    "content type of another format": (
        GOOD, {"content_type": "application/vnd.kafka.avro.v2+json"}, 415, f"wanted {RECORDS}",
    ),
    "no content type": (GOOD, {"content_type": ""}, 415, f"wanted {RECORDS}"),
    "no API key": (GOOD, {"x_api_key": ""}, 403, "Forbidden"),
    "a wrong API key": (GOOD, {"x_api_key": "x" * 40}, 403, "Forbidden"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "headers", "status", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_bad_request_is_refused_with_its_reason_and_nothing_of_it_is_stored(
    world: World, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    before = end_offsets(world.bootstrap)

    answer = world.produce(TOPIC, body, **headers)

    told = answer.json()
    assert answer.status_code == status, answer.text
    assert reason in f"{told.get('reason', '')} {told['message']}"
    assert end_offsets(world.bootstrap) == before


def test_an_unknown_topic_is_404_and_is_not_made(world: World) -> None:
    answer = world.produce("pinpipe.boards", GOOD)

    assert (answer.status_code, answer.json()["error_code"]) == (404, 40401)
    assert "'pinpipe.boards' not found: GET /topics lists" in answer.json()["message"]
    assert world.produce("pinpipe.boards", GOOD).status_code == 404


def test_500_records_are_taken(world: World) -> None:
    before = end_offsets(world.bootstrap)

    answer = world.produce(TOPIC, request(*(record(972_000 + number) for number in range(500))))

    assert [told["error_code"] for told in answer.json()["offsets"]] == [None] * 500
    assert len(messages_since(world.bootstrap, before)) == 500


def test_only_the_bad_records_of_a_batch_fail_and_the_others_are_stored_once_where_they_are_told(world: World) -> None:
    before, now = end_offsets(world.bootstrap), int(time.time() * 1000)
    records = [record(973_000 + number) for number in range(20)]
    records[3]["value"]["country"] = "x" * 2_000_000
    records[7]["timestamp"] = now + HOUR_MS + 60_000
    records[8]["timestamp"] = now + HOUR_MS - 60_000
    records[9]["timestamp"] = now * 1000
    records[11]["partition"] = 99
    records[19]["value"]["country"] = "x" * 2_500_000

    answer = world.produce(TOPIC, request(*records))

    assert answer.status_code == 200, answer.text
    outcomes = answer.json()["offsets"]
    reasons = {number: told["error"] for number, told in enumerate(outcomes) if told["error_code"] is not None}
    assert sorted(reasons) == [3, 7, 9, 11, 19]
    assert {outcomes[number]["error_code"] for number in reasons} == {1}, "not worth another try"
    assert "bytes with its key, more than 2000000: make it smaller" in reasons[3]
    assert f"Timestamp {now + HOUR_MS + 60_000} (" in reasons[7]
    assert "at most 3600000 ms ahead of the broker's clock" in reasons[7]
    assert "after the year 9999: it counts milliseconds" in reasons[9]
    assert "partition" in reasons[11]
    stored = messages_since(world.bootstrap, before)
    found = {(message.partition(), message.offset()): json.loads(message.value()) for message in stored}
    assert found == {
        (told["partition"], told["offset"]): sent["value"]
        for sent, told in zip(records, outcomes, strict=True)
        if told["error_code"] is None
    }
    assert len(stored) == 15
