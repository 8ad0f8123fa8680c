from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.faults.api_document import documented_statuses, operation_at, why_forbidden
from tests.faults.garbage import Request, requests
from tests.faults.thrower import fault_of

DRAWN = 600


def drawn() -> list[Request]:
    found: list[Request] = []

    @seed(7)
    @settings(max_examples=DRAWN, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(requests())
    def draw(request: Request) -> None:
        found.append(request)

    draw()
    return found


def test_every_operation_is_drawn_and_no_stream_of_the_pipeline_is_made_or_deleted() -> None:
    found = drawn()
    assert len(found) == DRAWN
    operations = {request.operation for request in found}
    assert len(operations) == 8
    assert all(200 in documented_statuses(operation) for operation in operations)
    assert {request.method for request in found} > {"GET", "PUT", "POST", "DELETE"}
    for request in found:
        segments = request.path.split("/")[1:]
        if request.method in ("POST", "DELETE") and segments[0] == "streams" and len(segments) == 2:
            assert unquote(segments[1]).endswith("\u00a7")
    puts = [request for request in found if request.operation == ("put", "/streams/{stream-name}/records")]
    assert any(request.body.startswith(b'{"records": [{') for request in puts)
    assert any(not request.body.startswith(b"{") for request in puts)


RECORD = b'{"records": [{"key": "1", "value": {}}]}'


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("GET", "/topics", b"", ""),
        ("GET", "/streams/", b"", ""),
        ("POST", "/topics/a.pin", RECORD, ""),
        ("POST", "/topics/a%2Fb", RECORD, "topic is not"),
        ("POST", "/topics/", RECORD, "no such operation"),
        ("DELETE", "/topics/a.pin", b"", "no such operation"),
        ("PATCH", "/topics", b"", "no such operation"),
        ("POST", "/topics/a.pin", RECORD[:-1], "no JSON"),
        ("POST", "/topics/a.pin", RECORD.replace(b"{}", b"NaN"), "no JSON"),
        ("POST", "/topics/a.pin", RECORD.replace(b"{}", b"null"), "not as it must be"),
        ("POST", "/streams/a", b'{"ShardCount": 0}', "not as it must be"),
        ("POST", "/streams/a%C2%A7", b'{"ShardCount": 1}', "stream-name is not"),
    ],
)
def test_the_document_says_what_is_forbidden(method: str, path: str, body: bytes, why: str) -> None:
    told = why_forbidden(method, path, body)
    assert (why in told) if why else not told


def test_an_answer_is_wrong_where_the_document_forbids_the_request_or_the_key_is_not_the_right_one() -> None:
    def request(body: bytes, *, has_key: bool = True) -> Request:
        return Request(("post", "/topics/{topic}"), "POST", "/topics/a.pin", {}, body, has_key)

    assert operation_at("POST", "/topics/a.pin") == (("post", "/topics/{topic}"), {"topic": "a.pin"})
    assert not fault_of(request(RECORD), 200)
    assert not fault_of(request(b"{}"), 400)
    assert fault_of(request(b"{}"), 200).startswith("200, and the body")
    assert not fault_of(request(RECORD, has_key=False), 403)
    assert fault_of(request(RECORD, has_key=False), 200) == "200 without the API key"
    assert fault_of(request(RECORD), 504) == "504"
    assert fault_of(request(RECORD), 0) == "no answer"
