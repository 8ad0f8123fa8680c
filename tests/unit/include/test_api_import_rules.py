"""The OpenAPI document against what an import into API Gateway takes, which nothing local checks.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from include.rendering import render_yaml
from include.settings import settings

DOCUMENT = render_yaml("api", "openapi.yaml", values=settings().marks)
# "not supported", or refused as an invalid model; draft 4 does not know the last ones.
REFUSED = {
    *("anyOf", "oneOf", "exclusiveMinimum", "exclusiveMaximum", "additionalProperties", "discriminator", "example"),
    *("examples", "readOnly", "writeOnly", "nullable", "deprecated", "xml", "externalDocs"),
    *("const", "if", "then", "else", "contains", "propertyNames", "$defs", "$id"),
}


def schemas(value: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every schema within one, with its place; a property's name is no keyword."""
    yield where, value
    for name, inner in value.get("properties", {}).items():
        yield from schemas(inner, f"{where}.{name}")
    for keyword in ("items", "not"):
        if keyword in value:
            yield from schemas(value[keyword], f"{where}.{keyword}")
    for inner in value.get("allOf", []):
        yield from schemas(inner, f"{where}.allOf")


EVERY_SCHEMA = [found for name, model in DOCUMENT["components"]["schemas"].items() for found in schemas(model, name)]


def test_models_have_names_that_api_gateway_takes():
    assert not [name for name in DOCUMENT["components"]["schemas"] if not re.fullmatch("[A-Za-z0-9]+", name)]


def test_models_have_no_keyword_that_api_gateway_refuses():
    assert not [(where, key) for where, schema in EVERY_SCHEMA for key in schema if key in REFUSED]


def test_numbers_have_no_format():
    assert not [
        where for where, schema in EVERY_SCHEMA if schema.get("format") in ("int32", "int64", "float", "double")
    ]


def test_lists_have_no_description_which_the_import_has_refused_as_an_invalid_schema():
    assert not [where for where, schema in EVERY_SCHEMA if schema.get("type") == "array" and "description" in schema]


def test_references_stand_alone_and_lead_to_models():
    for where, schema in EVERY_SCHEMA:
        if "$ref" in schema:
            assert set(schema) == {"$ref"}, where
            assert schema["$ref"].rpartition("/")[2] in DOCUMENT["components"]["schemas"]


def test_path_parameters_are_segments_of_their_own():
    for path in DOCUMENT["paths"]:
        assert all(re.fullmatch(r"[A-Za-z0-9.,_:-]*|\{[A-Za-z0-9._-]+\}", part) for part in path.split("/")), path


def test_security_schemes_are_api_keys():
    assert {scheme["type"] for scheme in DOCUMENT["components"]["securitySchemes"].values()} == {"apiKey"}


def test_every_method_has_an_integration_that_is_answered_before_api_gateway_gives_up():
    for path, methods in DOCUMENT["paths"].items():
        for method in methods.values():
            integration = method["x-amazon-apigateway-integration"]
            assert integration["type"] in ("aws", "http_proxy"), path
            assert integration["timeoutInMillis"] <= 29_000, path


def test_the_document_is_valid_openapi():
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(DOCUMENT)
