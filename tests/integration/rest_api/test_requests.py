"""What the gateway does with requests to a deployed API."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration

KEY = "first-key-0123456789abcdef"
RECORDS = "application/vnd.kafka.json.v2+json"
Api = dict[str, Any]
World = Endpoint = Any


def records(count: int) -> bytes:
    return json.dumps({"records": [{"key": str(n), "value": {"ind": n}} for n in range(count)]}).encode()


@pytest.fixture(scope="module")
def api(emptied_world: World) -> Api:
    return emptied_world.deploy("requests", rate_limit=5_000.0, burst_limit=5_000)


def test_a_request_reaches_the_endpoint_as_it_was_sent(world: World, api: Api, endpoint: Endpoint) -> None:
    body = records(500)

    answer = world.post(api, content=body, path="/topics/t.pin?sync=1", headers={"x-mine": "1", "te": "trailers"})

    assert (answer.status_code, answer.json(), answer.headers["x-from-endpoint"]) == (200, {"offsets": []}, "yes")
    (seen,) = endpoint.requests
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/topics/t.pin?sync=1", body)
    assert (seen["headers"]["content-type"], seen["headers"]["x-mine"]) == (RECORDS, "1")
    assert seen["headers"]["host"] == endpoint.url.removeprefix("http://")
    assert not {"x-api-key", "te", "transfer-encoding"} & seen["headers"].keys()


def test_an_error_of_the_endpoint_is_passed_on(world: World, api: Api) -> None:
    answer = world.post(api, headers={"content-type": "text/plain"})

    assert (answer.status_code, answer.json()) == (415, {"error_code": 415})


@pytest.mark.parametrize("key", [None, "", KEY[:-1], KEY + "x", "other-key-0123456789abcdef"])
def test_a_missing_or_wrong_key_is_forbidden(world: World, api: Api, endpoint: Endpoint, key: str | None) -> None:
    answer = world.post(api, key=key)

    assert (answer.status_code, answer.json()) == (403, {"message": "Forbidden"})
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON: "),
        (b"{", "not JSON: "),
        (b"[]", "$ must be object"),
        (b"{}", "$ must contain ['records'] properties"),
        (b'{"records": []}', "$.records must contain at least 1 items"),
        (b'{"records": [{"key": 1, "value": 1}]}', "$.records[0].key must be string"),
        (b'{"records": [{"key": "1"}]}', "$.records[0] must contain ['value'] properties"),
        (b'{"records": [{"value": 1}]}', "$.records[0] must contain ['key'] properties"),
        (records(501), "$.records must contain less than or equal to 500 items"),
    ],
    ids=["empty", "cut", "list", "no records", "0 records", "number as key", "no value", "no key", "501 records"],
)
def test_what_is_not_1_to_500_records_never_reaches_the_endpoint(
    world: World, api: Api, endpoint: Endpoint, body: bytes, reason: str
) -> None:
    answer = world.post(api, content=body)

    told = answer.json()
    assert (answer.status_code, told["message"]) == (400, "Invalid request body")
    assert told["reason"].startswith(reason)
    assert "POST /topics/{topic}: records, a list of 1 to 500 objects" in told["wanted"]
    assert endpoint.requests == []


@pytest.mark.parametrize("value", ["true", '"text"', "[1]", '{"age": "not a number"}'])
def test_bad_data_in_a_value_is_not_the_gateways_business(world: World, api: Api, value: str) -> None:
    body = f'{{"records": [{{"key": "1", "value": {value}}}]}}'.encode()

    assert world.post(api, content=body).status_code == 200


def test_more_than_10_mb_is_refused(world: World, api: Api, endpoint: Endpoint) -> None:
    declared = world.post(api, content=b" " * (10 * 1024 * 1024 + 1))
    chunked = world.post(api, content=(b" " * 1024 * 1024 for _ in range(11)))

    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert declared.json()["wanted"] == "fewer records in a request"
    assert endpoint.requests == []


@pytest.mark.parametrize(
    "path",
    [
        "/topics/..%2Fadmin",
        "/topics/a%2Fb",
        "/topics/a%5Cb",
        "/topics/..",
        "/topics/%2e%2e",
        "/topics/%252e%252e%252fadmin",
        "/topics/a%00",
        "/topics/%ff",
        "/topics/a%0d%0aHost:%20evil",
        "/topics/",
    ],
)
def test_a_path_parameter_cannot_leave_its_segment(world: World, api: Api, endpoint: Endpoint, path: str) -> None:
    # By hand, because clients tidy a path before they send it.
    request = (
        f"POST /{api['rest_api_id']}/prod{path} HTTP/1.1\r\nHost: gateway\r\nx-api-key: {KEY}\r\n"
        f"Content-Type: {RECORDS}\r\nContent-Length: {len(records(1))}\r\nConnection: close\r\n\r\n"
    )
    host, port = world.gateway.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request.encode() + records(1))
        status = int(connection.makefile("rb").readline().split()[1])

    assert status in (400, 403)
    assert endpoint.requests == []


@pytest.mark.parametrize("value", ["%7Btopic%7D", "a%3Fb%23c", "%40evil.example"])
def test_signs_in_a_path_parameter_arrive_encoded(world: World, api: Api, endpoint: Endpoint, value: str) -> None:
    assert world.post(api, path=f"/topics/{value}").status_code == 200
    assert endpoint.requests[0]["path"] == f"/topics/{value}"


def test_what_was_not_declared_is_refused_as_aws_does(world: World, api: Api) -> None:
    undeclared = [world.post(api, path=path) for path in ("/nothing", "/topics", "/topics/a/b")]
    elsewhere = [
        world.post({**api, "stage": "test"}),
        world.post({**api, "invoke_url": f"{world.gateway}/0000000000"}),
    ]

    assert {answer.status_code for answer in (*undeclared, *elsewhere)} == {403}
    assert {answer.json()["message"] for answer in undeclared} == {"Missing Authentication Token"}
    assert {answer.json()["message"] for answer in elsewhere} == {"Forbidden"}


def test_the_control_plane_wants_signed_requests(world: World) -> None:
    assert httpx.get(f"{world.gateway}/restapis").status_code == 403
    assert httpx.post(f"{world.gateway}/apikeys", json={"name": "mine"}).status_code == 403


def test_requests_of_500_records_pass_side_by_side(world: World, api: Api) -> None:
    value = {f"column_{n}": "x" * 50 for n in range(12)}
    body = json.dumps({"records": [{"key": str(n), "value": value} for n in range(500)]}).encode()
    url, headers = f"{api['invoke_url']}/prod/topics/t.pin", {"content-type": RECORDS, "x-api-key": KEY}
    requests = 100
    with httpx.Client(timeout=30) as client, ThreadPoolExecutor(4) as pool:
        began = time.perf_counter()
        answers = list(pool.map(lambda _: client.post(url, content=body, headers=headers), range(requests)))
        rate = requests * 500 / (time.perf_counter() - began)

    assert {answer.status_code for answer in answers} == {200}
    print(f"{rate:.0f} records/s through the gateway, {len(body)} bytes a request")
