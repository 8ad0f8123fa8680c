from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from include.rendering import render_yaml
from include.settings import Settings
from local.gateway.openapi import InvalidDocumentError, parse
from local.gateway.request_validation import RequestValidator, compile_model
from local.gateway.responses import GatewayError

RECORDS = "application/vnd.kafka.json.v2+json"


def project_document() -> dict[str, Any]:
    return render_yaml("api", "openapi.yaml", values=Settings(kafka_rest_url="http://proxy:8082").marks)


def document(**operation: Any) -> bytes:
    integration = {"type": "http_proxy", "httpMethod": "POST", "uri": "http://endpoint"}
    return json.dumps(
        {
            "openapi": "3.0.1",
            "info": {"title": "posts"},
            "paths": {"/a": {"post": {"x-amazon-apigateway-integration": integration, **operation}}},
            "components": {
                "schemas": {"Pair": {"items": {"$ref": "#/components/schemas/One"}}, "One": {"type": "string"}}
            },
        }
    ).encode()


def test_the_projects_document_asks_for_a_key_everywhere_and_validates_records() -> None:
    api = parse(yaml.safe_dump(project_document()).encode())

    methods = {(method.http_method, method.path): method for method in api.methods}
    produce = methods["POST", "/topics/{topic}"]
    assert set(methods) == {
        ("GET", "/topics"),
        ("POST", "/topics/{topic}"),
        ("GET", "/streams"),
        ("GET", "/streams/{stream-name}"),
        ("POST", "/streams/{stream-name}"),
        ("DELETE", "/streams/{stream-name}"),
        ("PUT", "/streams/{stream-name}/record"),
        ("PUT", "/streams/{stream-name}/records"),
    }
    assert all(method.settings["apiKeyRequired"] for method in api.methods)
    assert produce.settings["requestModels"] == {RECORDS: "ProduceRequest"}
    assert produce.settings["requestParameters"] == {"method.request.path.topic": True}
    assert api.validators[produce.validator or ""]["validateRequestBody"]
    assert produce.integration == {
        "type": "HTTP_PROXY",
        "connectionType": "INTERNET",
        "passthroughBehavior": "WHEN_NO_MATCH",
        "httpMethod": "POST",
        "uri": "http://proxy:8082/topics/{topic}",
        "requestParameters": {"integration.request.path.topic": "method.request.path.topic"},
        "timeoutInMillis": 29000,
    }
    assert api.settings["name"] == "pinpipe"


def test_the_projects_document_tells_the_reason_of_a_refused_body() -> None:
    api = parse(yaml.safe_dump(project_document()).encode())

    template = api.gateway_responses["BAD_REQUEST_BODY"]["responseTemplates"]["application/json"]
    assert "$context.error.validationErrorString" in template


def test_a_gateway_response_that_cannot_be_worded_is_refused_by_name() -> None:
    declared = json.loads(document())
    declared["x-amazon-apigateway-gateway-responses"] = {"THROTTLED": {"responseTemplates": {"text/plain": "slow"}}}

    with pytest.raises(InvalidDocumentError, match="THROTTLED: a template for text/plain"):
        parse(json.dumps(declared).encode())


@pytest.mark.parametrize(
    ("response_type", "fault"),
    [("MISSING_AUTHENTICATION_TOKEN", "not offered: "), ("THROTTLED", "statusCode 'slow' is none")],
)
def test_a_gateway_response_that_would_never_be_given_is_refused_at_the_import(response_type: str, fault: str) -> None:
    declared = json.loads(document())
    declared["x-amazon-apigateway-gateway-responses"] = {response_type: {"statusCode": "slow"}}

    with pytest.raises(InvalidDocumentError, match=f"{response_type}: {fault}"):
        parse(json.dumps(declared).encode())


@pytest.mark.parametrize(
    ("value", "reason"),
    [("null", "$.records[1].value must not be null"), *((v, "") for v in ('{"a":null}', "[null]", "0", '""', "false"))],
)
def test_the_projects_document_takes_any_value_but_null(value: str, reason: str) -> None:
    model = parse(yaml.safe_dump(project_document()).encode()).models["ProduceRequest"]
    validator = RequestValidator({RECORDS: compile_model(json.dumps(model))})
    told = ""
    try:
        validator.check_body(RECORDS, b'{"records":[{"key":"1","value":1},{"key":"2","value":%b}]}' % value.encode())
    except GatewayError as error:
        told = error.reason
    assert told == reason


def test_json_and_yaml_say_the_same() -> None:
    declared = project_document()

    assert parse(json.dumps(declared).encode()) == parse(yaml.safe_dump(declared, sort_keys=False).encode())


def test_a_model_carries_the_schemas_that_it_refers_to() -> None:
    assert parse(document()).models["Pair"] == {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "items": {"$ref": "#/definitions/One"},
        "definitions": {"One": {"type": "string"}},
    }


def test_an_operation_without_security_needs_no_key() -> None:
    assert parse(document()).methods[0].settings["apiKeyRequired"] is False


def test_responses_of_an_integration_are_imported_by_their_status_code() -> None:
    integration = {
        "type": "aws",
        "httpMethod": "POST",
        "uri": "arn:aws:apigateway:us-east-1:kinesis:action/PutRecord",
        "responses": {"default": {"statusCode": 200}, "4\\d{2}": {"statusCode": "400", "responseTemplates": {}}},
    }
    responses = {"200": {"description": "done"}, "400": {"description": "refused"}}
    (method,) = parse(document(responses=responses, **{"x-amazon-apigateway-integration": integration})).methods

    assert method.integration["type"] == "AWS"
    assert method.integration_responses == {
        "200": {"selectionPattern": ""},
        "400": {"selectionPattern": "4\\d{2}", "responseTemplates": {}},
    }


@pytest.mark.parametrize(
    ("of_integration", "reason"),
    [
        ({"default": {"statusCode": 200}, "4..": {"statusCode": "200"}}, "two responses .* have the status 200"),
        ({"default": {"statusCode": 201}}, "status 201 is not among its responses"),
    ],
)
def test_an_integrations_responses_need_statuses_that_the_method_declares_once(
    of_integration: dict[str, Any], reason: str
) -> None:
    integration = {"type": "aws", "httpMethod": "POST", "uri": "arn:x", "responses": of_integration}
    declared = {"responses": {"200": {"description": "done"}}, "x-amazon-apigateway-integration": integration}

    with pytest.raises(InvalidDocumentError, match=reason):
        parse(document(**declared))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "Invalid OpenAPI input"),
        (b"swagger: '2.0'", r"openapi: 3\.0\.x"),
        (b"openapi: 3.0.1", r"info\.title is missing"),
        (document(**{"x-amazon-apigateway-integration": None}), "POST /a: x-amazon-apigateway-integration is missing"),
        (document(**{"x-amazon-apigateway-request-validator": "all"}), "no request validator 'all'"),
        (document(security=[{"iam": []}]), "security scheme 'iam'"),
        (document(requestBody={"content": {"a/b": {"schema": {"type": "object"}}}}), r"schema of a/b must be a \$ref"),
        (
            document(requestBody={"content": {"a/b": {"schema": {"$ref": "#/components/schemas/Two"}}}}),
            "no schema 'Two'",
        ),
        (document(**{"x-amazon-apigateway-integration": {"type": "mock", "timeoutInMillis": 30_000}}), "29000 ms"),
    ],
)
def test_a_document_that_aws_would_refuse_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        parse(body)


def bomb() -> bytes:
    """Some hundred bytes that are 10**9 values where each alias is written out."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]" for n in range(1, 9)]
    return "\n".join(["openapi: 3.0.1", "info: {title: t}", *lines]).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (bomb(), "values with its aliases"),
        (b"openapi: 3.0.1\ninfo: &a {title: t, again: *a}", "an alias holds itself"),
        (b"openapi: " + 5_000 * b"[" + 5_000 * b"]", "nested too deeply"),
        (b"openapi: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
    ],
)
def test_a_document_that_is_more_than_it_looks_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidDocumentError, match=reason):
        parse(body)
