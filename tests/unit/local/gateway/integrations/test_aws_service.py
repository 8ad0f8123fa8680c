from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from local.gateway.integrations import Call, UnsupportedIntegrationError, integration_of
from local.gateway.responses import GatewayError

URI = "arn:aws:apigateway:eu-west-1:kinesis:action/PutRecord"
DECLARED = {
    "type": "AWS",
    "httpMethod": "POST",
    "uri": URI,
    "credentials": "arn:aws:iam::123456789012:role/pipeline/api",
    "requestTemplates": {"application/json": "{}"},
    "integrationResponses": {"200": {"selectionPattern": ""}},
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://everything.test")


def execute(
    changed: dict[str, Any] | None = None, answer: httpx.Response | Exception | None = None, **of_call: Any
) -> tuple[Response, httpx.Request]:
    seen: list[httpx.Request] = []

    async def service(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        if (changed or {}).get("timeoutInMillis"):
            await asyncio.sleep(5)
        return answer or httpx.Response(200, content=b"{}")

    async def run() -> Response:
        async with httpx.AsyncClient(transport=httpx.MockTransport(service)) as client:
            call = {
                "api_id": "abc",
                "http_method": "PUT",
                "path_parameters": {},
                "query": b"",
                "headers": [],
                "body": b"",
                "source_ip": "127.0.0.1",
                **of_call,
            }
            return await integration_of({**DECLARED, **(changed or {})}, client).execute(Call(**call))

    return asyncio.run(run()), seen[0] if seen else httpx.Request("GET", "http://nobody")


def test_an_action_is_one_signed_call_in_its_region() -> None:
    _, request = execute()

    assert (request.method, str(request.url), request.content) == ("POST", "http://everything.test", b"{}")
    assert request.headers["x-amz-target"] == "Kinesis_20131202.PutRecord"
    assert "/eu-west-1/kinesis/aws4_request" in request.headers["authorization"]


def test_the_services_own_address_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", "http://kinesis.test")

    assert str(execute()[1].url) == "http://kinesis.test"


def test_variables_of_the_request_reach_the_template() -> None:
    template = "$context.stage $context.requestId $stageVariables.a $input.params('q') $input.params('X-Own')"
    _, request = execute(
        {"requestTemplates": {"application/json": template}},
        stage="prod",
        stage_variables={"a": "b"},
        request_id="r-1",
        query=b"q=%C3%A9",
        headers=[(b"x-own", b"1")],
    )
    assert request.content.decode() == "prod r-1 b é 1"


@pytest.mark.parametrize(
    ("content_type", "passthrough", "status"),
    [
        (b"application/json", "NEVER", 200),
        (b"Application/JSON; charset=utf-8", "NEVER", 200),
        (None, "NEVER", 200),
        (b"text/plain", "NEVER", 415),
        (b"text/plain", "WHEN_NO_TEMPLATES", 415),
        (b"text/plain", "WHEN_NO_MATCH", 200),
    ],
)
def test_a_body_without_a_template_passes_only_where_it_may(
    content_type: bytes | None, passthrough: str, status: int
) -> None:
    headers = [(b"content-type", content_type)] if content_type else []
    try:
        response, request = execute({"passthroughBehavior": passthrough}, headers=headers, body=b"as it is")
    except GatewayError as error:
        assert (error.status, error.response_type) == (status, "UNSUPPORTED_MEDIA_TYPE")
    else:
        assert response.status_code == status
        assert request.content == (b"as it is" if content_type == b"text/plain" else b"{}")


RESPONSES = {
    "200": {"selectionPattern": ""},
    "400": {"selectionPattern": r"4\d{2}", "responseTemplates": {"application/json": "of $input.json('$.a')"}},
}


def test_the_first_pattern_that_fits_the_status_chooses_the_response_and_else_the_default_does() -> None:
    refused, _ = execute({"integrationResponses": RESPONSES}, httpx.Response(413, content=b'{"a": 1}'))
    other, _ = execute({"integrationResponses": RESPONSES}, httpx.Response(302, content=b"as it is"))

    assert (refused.status_code, refused.body) == (400, b"of 1")
    assert (other.status_code, other.body) == (200, b"as it is")


def test_a_status_that_no_response_is_for_is_a_fault_of_the_api() -> None:
    with pytest.raises(GatewayError, match="Internal server error"):
        execute({"integrationResponses": {"400": RESPONSES["400"]}})


def test_a_template_of_the_response_may_set_its_status_and_headers() -> None:
    override = "$context.responseOverride"
    template = f"#set({override}.status = 418)#set({override}.header.X-Mine = 'tea')$context.stage"
    responses = {"200": {"responseTemplates": {"text/plain": template}}}
    response, _ = execute({"integrationResponses": responses}, stage="prod", request_id="r-1")

    assert (response.status_code, response.body) == (418, b"prod")
    assert dict(response.raw_headers) == {
        b"content-type": b"text/plain",
        b"x-mine": b"tea",
        b"content-length": b"4",
        b"x-amzn-requestid": b"r-1",
    }


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (httpx.ConnectError("refused"), "Network error communicating with endpoint"),
        (TimeoutError(), "Endpoint request timed out"),
    ],
)
def test_a_service_that_fails_is_504(failure: Exception, message: str) -> None:
    with pytest.raises(GatewayError, match=message) as error:
        execute(answer=failure)
    assert error.value.status == 504


def test_a_service_that_does_not_answer_in_time_is_504() -> None:
    with pytest.raises(GatewayError, match="timed out") as error:
        execute({"timeoutInMillis": 50})
    assert error.value.status == 504


@pytest.mark.parametrize(
    ("template", "status"),
    [("$util.base64Decode('a')", 500), ("$input.json('$..a')", 501), ("$input.path('$.a')", 500)],
)
def test_a_template_that_fails_is_no_success(template: str, status: int) -> None:
    with pytest.raises(GatewayError) as error:
        execute({"requestTemplates": {"application/json": template}}, body=b"{")
    assert error.value.status == status


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"uri": "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/x/invocations"}, "uri "),
        (
            {"uri": "arn:aws:apigateway:eu-west-1:dynamodb:action/PutItem"},
            "service dynamodb is not offered: kinesis is",
        ),
        ({"uri": f"{URI}s2"}, "uri "),
        ({"uri": URI.replace("PutRecord", "PutFile")}, "kinesis has no action PutFile"),
        ({"httpMethod": "GET"}, "httpMethod 'GET'"),
        ({"credentials": None}, "credentials None: the ARN of a role"),
        ({"credentials": "arn:aws:iam::*:user/*"}, "credentials 'arn:aws:iam::"),
        ({"passthroughBehavior": "SOMETIMES"}, "passthroughBehavior SOMETIMES"),
        ({"requestParameters": {"integration.request.header.X": "method.request.header.Y"}}, "requestParameters"),
        ({"requestParameters": {"integration.request.querystring.x": "'y'"}}, "requestParameters"),
        ({"requestTemplates": {"application/json": "$util.toJson(1)"}}, r"\$util.toJson"),
        ({"integrationResponses": {"200": {"selectionPattern": "("}}}, "selectionPattern"),
        ({"integrationResponses": {"200": {"contentHandling": "CONVERT_TO_BINARY"}}}, "contentHandling"),
        ({"integrationResponses": {"200": {"responseParameters": {"a": "b"}}}}, "responseParameters"),
        ({"integrationResponses": {"200": {"responseTemplates": {"a/b": "#stop"}}}}, "#stop"),
    ],
)
def test_what_cannot_be_executed_is_said_at_once(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnsupportedIntegrationError, match=reason):
        integration_of({**DECLARED, **changed}, httpx.AsyncClient())
