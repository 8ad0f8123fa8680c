"""Records of streams from a request to Kinesis: the deployed document, the gateway and ministack, all real."""

from __future__ import annotations

import csv
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from emulator.generator import generate_posts
from emulator.payloads import records_of

pytestmark = pytest.mark.integration

KEY = "first-key-0123456789abcdef"
STREAM = "pinpipe-pin"
ROW: dict[str, Any] = {"index": 17, "title": "a"}
MIB = 1024 * 1024
Api = dict[str, Any]
World = Endpoint = Any

# Everything that JSON can hold, and what templates, JavaScript and Java take for their own.
STRANGE: dict[str, Any] = {
    "quotes": 'say "hi", it\'s',
    "backslashes": "\\ \\\\ \\n \\u0041 C:\\new",
    "lines": "a\nb\r\n\tc\u2028d\u2029e\x7f",
    "emoji": "😀👩\u200d👩\u200d👧 é \u00a0 中文",
    "markup": "</script> / $input.body #set($x = 1) ${x} {{x}}",
    "hyphenated-key": {"another-one": {"deep": [[], {}, [{"x": None}]]}},
    "nothing": None,
    "flags": [True, False],
    "numbers": [0, -1, 1.5e-7, 123456789012345678901234567890],
    "": "",
}


@pytest.fixture(scope="module")
def api(emptied_world: World) -> Api:
    return emptied_world.deploy("streams", rate_limit=5_000.0, burst_limit=5_000)


@pytest.fixture
def stream(api: Api) -> Iterator[str]:
    """A stream of one shard, which keeps the order."""
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    yield STREAM
    kinesis.delete_stream(StreamName=STREAM)


def stored(stream: str) -> list[tuple[str, bytes]]:
    """Return (partition key, data) of all records."""
    kinesis = boto3.client("kinesis")
    (shard,) = kinesis.list_shards(StreamName=stream)["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[tuple[str, bytes]] = []
    while True:
        page = kinesis.get_records(ShardIterator=iterator)
        found += [(record["PartitionKey"], record["Data"]) for record in page["Records"]]
        iterator = page["NextShardIterator"]
        if not page["MillisBehindLatest"] and not page["Records"]:
            return found


def rows() -> list[tuple[str, Any]]:
    """Return (partition key, row) of posts: real ones where ``PINPIPE_REAL_POSTS`` names their folder."""
    folder = os.environ.get("PINPIPE_REAL_POSTS")
    if folder is None:
        posts = (record for post in generate_posts(400, seed=7) for record in records_of(post))
        return [(f"{name}-{record.key}", json.loads(record.value)) for name, record in posts]
    found: list[tuple[str, Any]] = []
    with (Path(folder) / "pinterest_data.jsonl").open(encoding="utf-8") as lines:
        found += [(f"pin-{row['index']}", row) for row in map(json.loads, lines)]
    for name, file in (("geo", "geolocation_data.csv"), ("user", "user_data.csv")):
        with (Path(folder) / file).open(encoding="utf-8", newline="") as text:
            found += [(f"{name}-{row['ind']}", row) for row in csv.DictReader(text)]
    return found


def forms(row: Any) -> tuple[Any, ...]:
    """Return every form in which a client may send a row."""
    return row, json.dumps(row), json.dumps(row, ensure_ascii=False, indent=2)


def test_every_row_of_posts_decodes_to_equal_json_as_object_and_as_text(world: World, api: Api, stream: str) -> None:
    sent = [(key, row, form) for key, row in rows() for form in forms(row)]
    for first in range(0, len(sent), 500):
        records = [{"data": form, "partition-key": key} for key, _, form in sent[first : first + 500]]
        answer = world.ask(api, "PUT", f"/streams/{stream}/records", {"records": records})
        assert (answer.status_code, answer.json()["FailedRecordCount"]) == (200, 0)

    assert [(key, json.loads(data)) for key, data in stored(stream)] == [(key, row) for key, row, _ in sent]


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("value", [STRANGE, [STRANGE], *STRANGE.values()], ids=lambda value: repr(value)[:25])
def test_whatever_json_can_hold_decodes_to_equal_json(
    world: World, api: Api, stream: str, value: Any, ascii_only: bool
) -> None:
    row = value if isinstance(value, dict | list) else {"column": value}
    for form in forms(row):
        body = json.dumps({"StreamName": stream, "Data": form, "PartitionKey": "pin-17"}, ensure_ascii=ascii_only)
        answer = world.ask(api, "PUT", f"/streams/{stream}/record", body.encode())
        assert (answer.status_code, answer.json()["ShardId"]) == (200, "shardId-000000000000")

    assert [(key, json.loads(data)) for key, data in stored(stream)] == [("pin-17", row)] * 3


@pytest.mark.parametrize("number", [b"1.10", b"1E400", b"12345678901234567890123", b"-0.0"])
def test_a_number_arrives_as_it_was_sent(world: World, api: Api, stream: str, number: bytes) -> None:
    body = b'{"PartitionKey": "a", "Data": {"n": %b}}' % number

    assert world.ask(api, "PUT", f"/streams/{stream}/record", body).status_code == 200
    assert stored(stream) == [("a", b'{"n": %b}' % number)]


@pytest.mark.parametrize("key", ['", "StreamName": "other', '"}, {"Data": "', "\\", "$input.body", "é😀", "a\nb"])
def test_a_partition_key_cannot_leave_its_place(world: World, api: Api, stream: str, key: str) -> None:
    single = {"StreamName": "other", "Data": ROW, "PartitionKey": key}
    several = {"records": [{"data": ROW, "partition-key": key}] * 2}

    assert world.ask(api, "PUT", f"/streams/{stream}/record", single).status_code == 200
    assert world.ask(api, "PUT", f"/streams/{stream}/records", several).status_code == 200
    assert stored(stream) == [(key, json.dumps(ROW).encode())] * 3


@pytest.mark.parametrize("path", ["", "/record", "/records"])
def test_a_stream_that_is_not_there_is_404_with_its_name(world: World, api: Api, path: str) -> None:
    body = {
        "": None,
        "/record": {"Data": ROW, "PartitionKey": "a"},
        "/records": {"records": [{"data": ROW, "partition-key": "a"}]},
    }[path]

    answer = world.ask(api, "PUT" if path else "GET", f"/streams/nobody-pin{path}", body)

    assert (answer.status_code, answer.json()["type"]) == (404, "ResourceNotFoundException")
    assert "nobody-pin" in answer.json()["message"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "name", ["..%2Fother", "a%20b", "a%22,%22x%22:%22", "%5C", "%0A", "%00", "%F0%9F%98%80", "x" * 129, "%ff", ""]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_no_name_of_a_stream_is_refused(world: World, api: Api, method: str, name: str) -> None:
    body = b'{"ShardCount": 1}'
    # By hand, because clients tidy a path before they send it.
    request = (
        f"{method} /{api['rest_api_id']}/prod/streams/{name} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    host, port = world.gateway.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request.encode() + body)
        status = int(connection.makefile("rb").readline().split()[1])

    without_name = {"GET": 200, "POST": 403, "DELETE": 403}  # of /streams, which has no more than its list
    assert status == (400 if name else without_name[method])
    assert boto3.client("kinesis").list_streams()["StreamNames"] == []


def test_a_stream_is_made_described_listed_and_deleted(world: World, api: Api) -> None:
    path = "/streams/pinpipe-geo"
    made = world.ask(api, "POST", path, {"ShardCount": 2})
    again = world.ask(api, "POST", path, {"ShardCount": 2})
    described = world.ask(api, "GET", path)
    listed = world.ask(api, "GET", "/streams")
    deleted = world.ask(api, "DELETE", path)
    gone = world.ask(api, "DELETE", path)

    assert (made.status_code, deleted.status_code, gone.status_code) == (200, 200, 404)
    assert (again.status_code, again.json()["type"]) == (409, "ResourceInUseException")
    description = described.json()["StreamDescription"]
    assert (described.status_code, description["StreamName"]) == (200, "pinpipe-geo")
    assert [shard["ShardId"] for shard in description["Shards"]] == ["shardId-000000000000", "shardId-000000000001"]
    assert (listed.status_code, listed.json()["StreamNames"]) == (200, ["pinpipe-geo"])


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/record", b"{", "not JSON"),
        ("/record", {"Data": ROW}, "must contain ['PartitionKey'] properties"),
        ("/record", {"PartitionKey": "a"}, "must contain ['Data'] properties"),
        ("/record", {"Data": None, "PartitionKey": "a"}, "$.Data must not be null"),
        ("/record", {"Data": ROW, "PartitionKey": 17}, "$.PartitionKey must be string"),
        ("/records", {"records": []}, "$.records must contain at least 1 items"),
        ("/records", {"records": [{"data": ROW, "partition-key": "a"}] * 501}, "less than or equal to 500 items"),
        ("/records", {"records": [{"data": ROW}]}, "must contain ['partition-key'] properties"),
    ],
)
def test_a_body_that_is_none_is_refused_with_the_reason(
    world: World, api: Api, stream: str, path: str, body: Any, reason: str
) -> None:
    answer = world.ask(api, "PUT", f"/streams/{stream}{path}", body)

    told = answer.json()
    assert (answer.status_code, told["message"]) == (400, "Invalid request body")
    assert reason in told["reason"]
    assert "PUT /streams/{stream-name}/record: PartitionKey" in told["wanted"]
    assert stored(stream) == []


@pytest.mark.parametrize("form", ["object", "text"])
@pytest.mark.parametrize("path", ["/record", "/records"])
def test_a_record_that_is_too_long_is_refused_and_the_longest_is_not(
    world: World, api: Api, stream: str, path: str, form: str
) -> None:
    def put(length: int) -> httpx.Response:
        row: Any = {"a": "x" * (length - len('{"a": ""}'))}
        data = json.dumps(row) if form == "text" else row
        single = {"Data": data, "PartitionKey": "a"}
        several = {"records": [{"data": data, "partition-key": "a"}]}
        return world.ask(api, "PUT", f"/streams/{stream}{path}", single if path == "/record" else several)

    longest, longer = put(MIB), put(MIB + 1)

    assert longest.status_code == 200
    assert (longer.status_code, longer.json()["type"]) == (400, "ValidationException")
    assert "1048576" in longer.json()["message"]
    assert [len(data) for _, data in stored(stream)] == [MIB]


def test_more_than_10_mb_is_refused(world: World, api: Api, stream: str) -> None:
    answer = world.ask(api, "PUT", f"/streams/{stream}/record", b" " * (10 * MIB + 1))

    assert (answer.status_code, answer.json()["reason"]) == (413, "the body is larger than 10 MB")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-amz-json-1.1", "application/xml"])
def test_a_content_type_without_a_template_is_415(world: World, api: Api, stream: str, content_type: str) -> None:
    body = {"Data": ROW, "PartitionKey": "a"}
    answer = world.ask(api, "PUT", f"/streams/{stream}/record", body, headers={"content-type": content_type})

    assert (answer.status_code, answer.json()["message"]) == (415, "Unsupported Media Type")
    assert answer.json()["wanted"].startswith("application/json")
    assert stored(stream) == []


def test_a_charset_goes_with_json_and_so_does_no_content_type(world: World, api: Api, stream: str) -> None:
    body = json.dumps({"Data": STRANGE, "PartitionKey": "a"}, ensure_ascii=False).encode()
    url, key = f"{api['invoke_url']}/prod/streams/{stream}/record", {"x-api-key": KEY}
    answers = [
        httpx.put(url, content=body, headers={**key, "content-type": "application/json; charset=utf-8"}),
        httpx.put(url, content=body, headers=key),
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert [json.loads(data) for _, data in stored(stream)] == [STRANGE] * 2


@pytest.mark.parametrize("key", ["", KEY[:-1], "other-key-0123456789abcdef"])
def test_streams_too_are_for_holders_of_a_key(world: World, api: Api, stream: str, key: str) -> None:
    for method, path in [("GET", "/streams"), ("PUT", f"/streams/{stream}/record"), ("DELETE", f"/streams/{stream}")]:
        answer = world.ask(api, method, path, {"Data": ROW, "PartitionKey": "a"}, headers={"x-api-key": key})
        assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
    assert stored(stream) == []


def told_by(
    world: World, api: Api, gateway: str, kinesis: Endpoint, status: int, answer: dict[str, Any]
) -> httpx.Response:
    kinesis.status, kinesis.answer = status, json.dumps(answer).encode()
    body = {"records": [{"data": ROW, "partition-key": str(n)} for n in range(2)]}
    url = f"{gateway}/{api['rest_api_id']}"
    deadline = time.monotonic() + 20
    while True:
        response = world.ask(api, "PUT", f"/streams/{STREAM}/records", body, invoke_url=url)
        if response.status_code != 403 or time.monotonic() > deadline:  # it looks for new stages every 2 s
            return response
        time.sleep(0.2)


def test_a_partial_failure_is_passed_on_record_by_record(
    world: World, api: Api, gateway_of_refusing_kinesis: str, refusing_kinesis: Endpoint
) -> None:
    documented = {
        "FailedRecordCount": 1,
        "Records": [
            {"SequenceNumber": "21269319989900637946712965403778482371", "ShardId": "shardId-000000000000"},
            {
                "ErrorCode": "ProvisionedThroughputExceededException",
                "ErrorMessage": "Rate exceeded for shard shardId-000000000001 in stream pinpipe-pin under account 1.",
            },
        ],
    }
    answer = told_by(world, api, gateway_of_refusing_kinesis, refusing_kinesis, 200, documented)

    assert (answer.status_code, answer.json()) == (200, documented)


@pytest.mark.parametrize(
    ("status", "error", "answered"),
    [
        (400, "ProvisionedThroughputExceededException", 429),
        (400, "KMSAccessDeniedException", 502),
        (400, "AccessDeniedException", 502),
        (500, "InternalFailure", 502),
        (503, "ServiceUnavailable", 502),
    ],
)
def test_a_kinesis_that_cannot_is_told_from_a_request_that_is_wrong(
    world: World,
    api: Api,
    gateway_of_refusing_kinesis: str,
    refusing_kinesis: Endpoint,
    status: int,
    error: str,
    answered: int,
) -> None:
    body = {"__type": error, "message": "Rate exceeded"}
    answer = told_by(world, api, gateway_of_refusing_kinesis, refusing_kinesis, status, body)

    assert (answer.status_code, answer.json()["type"]) == (answered, error)


def test_records_of_users_come_in_hundreds_a_second(world: World, api: Api, stream: str) -> None:
    row = {f"column_{n}": "x" * 50 for n in range(12)}
    url, headers = f"{api['invoke_url']}/prod/streams/{stream}", {"content-type": "application/json", "x-api-key": KEY}
    single = json.dumps({"StreamName": stream, "Data": row, "PartitionKey": "pin-1"}).encode()
    several = json.dumps({"records": [{"data": row, "partition-key": f"pin-{n}"} for n in range(500)]}).encode()
    with httpx.Client(timeout=30, headers=headers) as client:
        began = time.perf_counter()
        answers = [client.put(f"{url}/record", content=single) for _ in range(200)]
        one_by_one = 200 / (time.perf_counter() - began)
        began = time.perf_counter()
        answers += [client.put(f"{url}/records", content=several) for _ in range(10)]
        together = 5_000 / (time.perf_counter() - began)

    assert {answer.status_code for answer in answers} == {200}
    assert len(stored(stream)) == 5_200
    print(f"{one_by_one:.0f} records/s one by one, {together:.0f} records/s in requests of 500")
