from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from local.gateway.integrations import Call, UnsupportedIntegrationError
from local.gateway.integrations.http_proxy import HttpProxy
from local.gateway.responses import GatewayError

TOPIC = {"integration.request.path.topic": "method.request.path.topic"}


def forward(
    declared: dict[str, Any], answer: httpx.Response | Exception | None = None, **changed: Any
) -> tuple[Response, httpx.Request]:
    seen: list[httpx.Request] = []

    def endpoint(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer or httpx.Response(200, stream=httpx.ByteStream(b"ok"))

    async def run() -> Response:
        async with httpx.AsyncClient(transport=httpx.MockTransport(endpoint)) as client:
            call = {
                "api_id": "abc",
                "http_method": "POST",
                "path_parameters": {},
                "query": b"",
                "headers": [],
                "body": b"",
                "source_ip": "127.0.0.1",
                **changed,
            }
            return await HttpProxy(declared, client).execute(Call(**call))

    return asyncio.run(run()), seen[0]


def topic_url(value: str) -> str:
    declared = {"uri": "http://endpoint/topics/{topic}", "requestParameters": TOPIC}
    return str(forward(declared, path_parameters={"topic": value})[1].url)


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("pinpipe.pin", "http://endpoint/topics/pinpipe.pin"),
        ("a b?c#d&e", "http://endpoint/topics/a%20b%3Fc%23d%26e"),
        ("{topic}", "http://endpoint/topics/%7Btopic%7D"),
        ("@evil:80", "http://endpoint/topics/%40evil%3A80"),
        ("ünï", "http://endpoint/topics/%C3%BCn%C3%AF"),
        ("...", "http://endpoint/topics/..."),
    ],
)
def test_a_path_parameter_is_one_encoded_segment(value: str, url: str) -> None:
    assert topic_url(value) == url


@pytest.mark.parametrize("value", ["", ".", "..", "a/b", "../admin", "a\\b", "a%2Fb", "a\nb", "a\x00"])
def test_a_path_parameter_that_could_lead_elsewhere_is_refused(value: str) -> None:
    with pytest.raises(GatewayError) as error:
        topic_url(value)
    assert error.value.status == 400


def test_the_query_goes_with_the_request() -> None:
    assert str(forward({"uri": "http://endpoint/a?b=1"}, query=b"c=%2F")[1].url) == "http://endpoint/a?b=1&c=%2F"


def test_headers_of_one_connection_and_the_key_stay_behind() -> None:
    headers = [
        (b"connection", b"x-mine, keep-alive"),
        (b"x-mine", b"1"),
        (b"x-api-key", b"secret"),
        (b"host", b"gateway"),
        (b"transfer-encoding", b"chunked"),
        (b"accept", b"*/*"),
        (b"x-forwarded-for", b"10.0.0.1"),
    ]
    _, request = forward({"uri": "http://endpoint/a"}, headers=headers, body=b"{}")

    assert dict(request.headers) == {
        "host": "endpoint",
        "accept": "*/*",
        "x-forwarded-for": "10.0.0.1, 127.0.0.1",
        "x-amzn-apigateway-api-id": "abc",
        "content-length": "2",
    }


def test_the_answer_comes_back_as_it_is() -> None:
    answer = httpx.Response(
        404,
        headers=[("set-cookie", "a"), ("set-cookie", "b"), ("content-encoding", "gzip"), ("connection", "close")],
        stream=httpx.ByteStream(b"still compressed"),
    )
    response, _ = forward({"uri": "http://endpoint/a"}, answer)

    headers = [header for header in response.raw_headers if header[0] != b"x-amzn-requestid"]
    assert (response.status_code, response.body) == (404, b"still compressed")
    assert headers == [
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
        (b"content-encoding", b"gzip"),
        (b"content-length", b"16"),
    ]


def test_the_integrations_own_method_is_used_unless_it_is_any() -> None:
    assert forward({"uri": "http://endpoint/a", "httpMethod": "PUT"})[1].method == "PUT"
    assert forward({"uri": "http://endpoint/a", "httpMethod": "ANY"})[1].method == "POST"


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (httpx.ConnectError("refused"), "Network error communicating with endpoint"),
        (httpx.RemoteProtocolError("gone"), "Network error communicating with endpoint"),
        (TimeoutError(), "Endpoint request timed out"),
    ],
)
def test_an_endpoint_that_fails_is_504(failure: Exception, message: str) -> None:
    with pytest.raises(GatewayError, match=message) as error:
        forward({"uri": "http://endpoint/a"}, failure)
    assert error.value.status == 504


@pytest.mark.parametrize(
    "declared",
    [
        {"uri": "ftp://endpoint/"},
        {"uri": "http://{host}/"},
        {"uri": "http://endpoint/${stageVariables.x}"},
        {"uri": "http://endpoint/{unmapped}"},
        {"uri": "http://endpoint/", "connectionType": "VPC_LINK"},
        {"uri": "http://endpoint/", "requestParameters": {"integration.request.header.x": "context.requestId"}},
    ],
)
def test_what_cannot_be_executed_is_said_at_once(declared: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedIntegrationError):
        HttpProxy(declared, httpx.AsyncClient())
