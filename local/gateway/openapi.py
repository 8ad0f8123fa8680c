"""Reads an OpenAPI 3.0 document with ``x-amazon-apigateway-*`` extensions as API Gateway's import does.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from local.gateway.gateway_responses import fault_of

HTTP_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_MOST_VALUES = 100_000
_SCHEMA_PREFIX = "#/components/schemas/"
_INTEGRATION_KEYS = (
    "httpMethod",
    "uri",
    "connectionId",
    "credentials",
    "requestParameters",
    "requestTemplates",
    "cacheNamespace",
    "cacheKeyParameters",
    "timeoutInMillis",
)


class InvalidDocumentError(ValueError):
    """The document cannot be imported; the message is the reason."""


@dataclass(frozen=True)
class ImportedMethod:
    """One operation: what ``PutMethod``, ``PutIntegration`` and ``PutIntegrationResponse`` get.

    :param validator: name of a request validator, or None.
    :param integration_responses: arguments by status code.
    """

    path: str
    http_method: str
    settings: dict[str, Any]
    integration: dict[str, Any]
    validator: str | None = None
    integration_responses: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportedApi:
    """What a document says of an API.

    :param settings: arguments of ``CreateRestApi``.
    :param models: JSON schema by model name, each complete in itself.
    :param validators: ``validateRequestBody`` and ``validateRequestParameters`` by validator name.
    :param gateway_responses: arguments of ``PutGatewayResponse`` by response type.
    """

    settings: dict[str, Any]
    models: dict[str, dict[str, Any]]
    validators: dict[str, dict[str, bool]]
    methods: tuple[ImportedMethod, ...]
    gateway_responses: dict[str, dict[str, Any]]


def parse(body: bytes) -> ImportedApi:
    """Return what the JSON or YAML document in ``body`` declares.

    :raises InvalidDocumentError: when AWS would refuse it, or it is no OpenAPI 3.0 document.
    """
    try:
        document = yaml.safe_load(body)
        size = _size(document, {})
    except yaml.YAMLError as error:
        raise InvalidDocumentError(f"Invalid OpenAPI input: {error}") from error
    except RecursionError as error:
        raise InvalidDocumentError("Invalid OpenAPI input: nested too deeply, or an alias holds itself") from error
    if size > _MOST_VALUES:
        raise InvalidDocumentError(f"Invalid OpenAPI input: {size} values with its aliases, {_MOST_VALUES} are taken")
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3.0"):
        raise InvalidDocumentError("Invalid OpenAPI input: 'openapi: 3.0.x' is missing")
    info = document.get("info") or {}
    if not info.get("title"):
        raise InvalidDocumentError("Invalid OpenAPI input: info.title is missing")
    schemas = (document.get("components") or {}).get("schemas") or {}
    validators = document.get("x-amazon-apigateway-request-validators") or {}
    api = ImportedApi(
        settings={
            "name": str(info["title"]),
            "description": str(info.get("description", "")),
            "version": str(info.get("version", "")),
            "apiKeySource": document.get("x-amazon-apigateway-api-key-source", "HEADER"),
        },
        models={name: _self_contained(schema, schemas) for name, schema in schemas.items()},
        validators={
            name: {key: bool(flags.get(key)) for key in ("validateRequestBody", "validateRequestParameters")}
            for name, flags in validators.items()
        },
        methods=tuple(
            _method(document, path, name, operation, item.get("parameters", []))
            for path, item in (document.get("paths") or {}).items()
            for name, operation in item.items()
            if name in (*HTTP_METHODS, "x-amazon-apigateway-any-method")
        ),
        gateway_responses=dict(document.get("x-amazon-apigateway-gateway-responses") or {}),
    )
    for method in api.methods:
        _check(method, api)
    for response_type, declared in api.gateway_responses.items():
        fault = fault_of(response_type, declared)
        if fault:
            raise InvalidDocumentError(f"x-amazon-apigateway-gateway-responses {response_type}: {fault}")
    return api


def _size(value: Any, known: dict[int, int]) -> int:
    """Return how many values there are where each alias is written out: a few hundred bytes may be billions.

    :param known: sizes by identity, as what an alias refers to is one object however often it is referred to.
    """
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        inner = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(each, known) for each in inner)
    return known[id(value)]


def _method(
    document: dict[str, Any], path: str, name: str, operation: dict[str, Any], shared: list[dict[str, Any]]
) -> ImportedMethod:
    http_method = "ANY" if name == "x-amazon-apigateway-any-method" else name.upper()
    where = f"{http_method} {path}"
    parameters = {
        f"method.request.{'querystring' if p['in'] == 'query' else p['in']}.{p['name']}": bool(p.get("required"))
        for p in (*shared, *operation.get("parameters", []))
    }
    models = {}
    for content_type, content in (operation.get("requestBody") or {}).get("content", {}).items():
        reference = (content.get("schema") or {}).get("$ref", "")
        if not reference.startswith(_SCHEMA_PREFIX):
            raise InvalidDocumentError(f"{where}: the schema of {content_type} must be a $ref to {_SCHEMA_PREFIX}…")
        models[content_type] = reference.removeprefix(_SCHEMA_PREFIX)
    declared = operation.get("x-amazon-apigateway-integration")
    if not declared:
        raise InvalidDocumentError(f"{where}: x-amazon-apigateway-integration is missing")
    integration = {key: declared[key] for key in _INTEGRATION_KEYS if key in declared}
    integration["type"] = str(declared.get("type", "")).upper()
    for key in ("connectionType", "passthroughBehavior", "contentHandling"):
        if key in declared:
            integration[key] = str(declared[key]).upper()
    return ImportedMethod(
        path=path,
        http_method=http_method,
        settings={
            "authorizationType": "NONE",
            "apiKeyRequired": _needs_key(document, operation, where),
            "operationName": operation.get("operationId", ""),
            "requestParameters": parameters,
            "requestModels": models,
        },
        integration=integration,
        validator=operation.get(
            "x-amazon-apigateway-request-validator", document.get("x-amazon-apigateway-request-validator")
        ),
        integration_responses=_integration_responses(declared.get("responses") or {}, operation, where),
    )


def _integration_responses(
    declared: dict[str, dict[str, Any]], operation: dict[str, Any], where: str
) -> dict[str, dict[str, Any]]:
    """Return what ``PutIntegrationResponse`` gets by status code, which it knows them by."""
    responses: dict[str, dict[str, Any]] = {}
    known = {str(status_code) for status_code in operation.get("responses") or {}}
    for pattern, response in declared.items():
        status_code = str(response["statusCode"])
        if status_code in responses:
            raise InvalidDocumentError(f"{where}: two responses of the integration have the status {status_code}")
        if status_code not in known:
            raise InvalidDocumentError(f"{where}: the integration's status {status_code} is not among its responses")
        responses[status_code] = {
            **{key: value for key, value in response.items() if key != "statusCode"},
            "selectionPattern": "" if pattern == "default" else pattern,
        }
    return responses


def _needs_key(document: dict[str, Any], operation: dict[str, Any], where: str) -> bool:
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    names = {name for option in operation.get("security", document.get("security", [])) for name in option}
    for name in names:
        scheme = schemes.get(name, {})
        if (scheme.get("type"), scheme.get("in"), str(scheme.get("name")).lower()) != ("apiKey", "header", "x-api-key"):
            raise InvalidDocumentError(f"{where}: security scheme {name!r} is no apiKey in the header x-api-key")
    return bool(names)


def _self_contained(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return ``schema`` as a model: JSON Schema draft 4, the schemas it refers to among its definitions."""
    needed: dict[str, Any] = {}

    def rewritten(node: Any) -> Any:
        if isinstance(node, list):
            return [rewritten(element) for element in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return {key: rewritten(value) for key, value in node.items()}
        name = reference.removeprefix(_SCHEMA_PREFIX)
        if name not in schemas:
            raise InvalidDocumentError(f"there is no schema {reference}: there are {sorted(schemas)}")
        if name not in needed:
            needed[name] = {}  # stops a schema that refers to itself
            needed[name] = rewritten(schemas[name])
        return {"$ref": f"#/definitions/{name}"}

    model = {"$schema": "http://json-schema.org/draft-04/schema#", **rewritten(schema)}
    return {**model, "definitions": needed} if needed else model


def _check(method: ImportedMethod, api: ImportedApi) -> None:
    where = f"{method.http_method} {method.path}"
    if not method.path.startswith("/"):
        raise InvalidDocumentError(f"{where}: a path begins with '/'")
    if method.validator is not None and method.validator not in api.validators:
        raise InvalidDocumentError(f"{where}: no request validator {method.validator!r}: {sorted(api.validators)}")
    for model in method.settings["requestModels"].values():
        if model not in api.models:
            raise InvalidDocumentError(f"{where}: no schema {model!r}: {sorted(api.models)}")
    timeout = method.integration.get("timeoutInMillis", 29_000)
    if not 50 <= timeout <= 29_000:
        raise InvalidDocumentError(f"{where}: Timeout should be between 50 ms and 29000 ms, not {timeout}")
