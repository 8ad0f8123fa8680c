"""The contracts: JSON Schema documents of the records as they are sent, a document for each data set and version.

``schemas/<data set>.v<version>.json`` is where names, order, types, bounds, patterns, known values and placeholders
of the raw columns stand. Keywords of our own, where JSON Schema has none: ``x-conversion`` (how cleaning reads a
value), ``x-null-when`` (texts that stand for NULL), ``x-expected`` (known values; others are kept) and ``x-earliest``
(the first moment allowed).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

# What OpenAPI 3.0 and the models of API Gateway do without: one type for a schema at most, no keyword of ours. Of
# `additionalProperties` API Gateway says that models do not support it; left out it means the same.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
_NOT_IN_OPENAPI = ("$schema", "$id", "additionalProperties")


@cache
def contract(data_set: str, version: int) -> dict[str, Any]:
    """Return a contract as it is declared.

    :param data_set: ``pin``, ``geo`` or ``user``.
    :param version: from 1.
    :raises FileNotFoundError: when there is no such version.
    """
    file = resources.files("include").joinpath("schemas", f"{data_set}.v{version}.json")
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


def openapi_schema(contract: dict[str, Any]) -> dict[str, Any]:
    """Return a contract as a schema of OpenAPI 3.0: what that cannot say otherwise stands in the descriptions."""
    properties = {name: _openapi_property(declared) for name, declared in contract["properties"].items()}
    kept = {name: value for name, value in contract.items() if name not in _NOT_IN_OPENAPI}
    return {**kept, "properties": properties}


def _openapi_property(declared: dict[str, Any]) -> dict[str, Any]:
    types = declared["type"]
    told = [declared["description"]]
    kept = {name: value for name, value in declared.items() if not name.startswith("x-")}
    if isinstance(types, list):
        del kept["type"]
        told.append(f"Type: {' or '.join(types)}.")
    if "x-expected" in declared:
        told.append(f"Known: {', '.join(declared['x-expected'])}.")
    if "x-null-when" in declared:
        told.append(f"Stands for nothing: {'; '.join(declared['x-null-when'])}.")
    if "x-earliest" in declared:
        told.append(f"The first allowed is {declared['x-earliest']}.")
    return {**kept, "description": " ".join(told)}
