from __future__ import annotations

from urllib.parse import unquote

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.faults.garbage import Request, documented_statuses, requests

DRAWN = 400


def drawn() -> list[Request]:
    found: list[Request] = []

    @seed(1)
    @settings(max_examples=DRAWN, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(requests())
    def draw(request: Request) -> None:
        found.append(request)

    draw()
    return found


def test_every_operation_is_drawn_and_no_stream_of_the_pipeline_is_made_or_deleted() -> None:
    found = drawn()
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
