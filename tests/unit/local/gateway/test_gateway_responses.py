from __future__ import annotations

import json
from typing import Any

import pytest

from local.gateway.gateway_responses import GatewayResponses, fault_of
from local.gateway.responses import invalid_body, missing_authentication_token, too_many_requests


def declared(response_type: str, template: str | None = None, **more: Any) -> dict[str, Any]:
    templates = {} if template is None else {"responseTemplates": {"application/json": template}}
    return {"responseType": response_type, **templates, **more}


def test_the_reason_of_a_refused_body_is_told_within_quotes_of_the_template() -> None:
    template = (
        '{"message": $context.error.messageString, "reason": "$context.error.validationErrorString", '
        '"type": "$context.error.responseType", "again": "$context.error.message"}'
    )
    responses = GatewayResponses([declared("BAD_REQUEST_BODY", template, statusCode="422")])

    answer = responses.worded(invalid_body('$[0] must contain ["key"]\n')).response()

    assert answer.status_code == 422
    assert json.loads(answer.body) == {
        "message": "Invalid request body",
        "reason": '$[0] must contain ["key"]\n',
        "type": "BAD_REQUEST_BODY",
        "again": "Invalid request body",
    }


def test_what_is_not_declared_is_answered_in_aws_words() -> None:
    responses = GatewayResponses([declared("BAD_REQUEST_BODY", "{}")])

    assert json.loads(responses.worded(too_many_requests()).response().body) == {"message": "Too Many Requests"}
    assert responses.worded(missing_authentication_token()).response().status_code == 403


def test_the_default_of_a_class_is_for_what_has_none_of_its_own() -> None:
    responses = GatewayResponses([declared("DEFAULT_4XX", '{"m": $context.error.messageString}')])

    assert json.loads(responses.worded(too_many_requests()).response().body) == {"m": "Too Many Requests"}


def test_a_declared_header_is_added() -> None:
    constant = {"gatewayresponse.header.Retry-After": "'1'"}
    responses = GatewayResponses([declared("THROTTLED", responseParameters=constant)])

    answer = responses.worded(too_many_requests()).response()

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert json.loads(answer.body) == {"message": "Too Many Requests"}


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        ({"responseParameters": {"gatewayresponse.header.a": "method.request.header.b"}}, "a header from a constant"),
        ({"responseParameters": {"gatewayresponse.header.a": "'b\r\nc: d'"}}, "a header from a constant"),
        ({"responseParameters": {"integration.response.header.a": "'b'"}}, "a header from a constant"),
        ({"responseTemplates": {"text/plain": "x"}}, "a template for text/plain"),
        ({"responseTemplates": {"application/json": "$input.params('a')"}}, "variables other than"),
        ({"responseTemplates": {"application/json": "$context.requestId"}}, "variables other than"),
        ({"responseTemplates": {"application/json": 17}}, "a template is a text, not 17"),
        ({"responseTemplates": "{}"}, "responseTemplates is a template by content type, not '{}'"),
        ({"statusCode": "teapot"}, "statusCode 'teapot' is none"),
        ({"statusCode": 4130}, "statusCode 4130 is none"),
        ({"statusCode": "100"}, "statusCode '100' is none"),
        ({"statusCode": 204}, "statusCode 204 is none"),
        ([], "an object is wanted, not []"),
    ],
)
def test_what_this_stand_in_cannot_word_is_named(response: Any, fault: str) -> None:
    assert fault in (fault_of("THROTTLED", response) or "")


@pytest.mark.parametrize("response_type", ["MISSING_AUTHENTICATION_TOKEN", "BAD_REQUEST_BODI", "DEFAULT_3XX"])
def test_an_answer_that_is_never_worded_otherwise_is_not_offered(response_type: str) -> None:
    assert "not offered: BAD_REQUEST_BODY, " in (fault_of(response_type, {"statusCode": 400}) or "")


@pytest.mark.parametrize("response_type", ["THROTTLED", "BAD_REQUEST_BODY", "DEFAULT_4XX", "DEFAULT_5XX"])
@pytest.mark.parametrize("status", [{}, {"statusCode": "413"}, {"statusCode": 503}, {"statusCode": None}])
def test_a_declared_template_without_foreign_variables_is_offered(response_type: str, status: dict[str, Any]) -> None:
    assert fault_of(response_type, declared(response_type, "$context.error.messageString", **status)) is None
