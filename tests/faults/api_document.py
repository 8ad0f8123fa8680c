"""What the API's own document says of requests, read independently of the gateway that executes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft4Validator

from include.rendering import render_yaml
from include.settings import settings

Operation = tuple[str, str]

OF_DOCUMENT = ("get", "put", "post", "delete")


@cache
def document() -> dict[str, Any]:
    """Return the API's document as the DAG `provision` imports it."""
    rendered: dict[str, Any] = render_yaml("api", "openapi.yaml", values=settings().marks)
    return rendered


def operations() -> list[Operation]:
    """Return the method and the path of every operation."""
    return [(method, path) for path, item in document()["paths"].items() for method in item if method in OF_DOCUMENT]


def documented_statuses(operation: Operation) -> set[int]:
    """Return the statuses that an operation may answer."""
    method, path = operation
    return {int(status) for status in document()["paths"][path][method]["responses"]}


def operation_at(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """Return the operation that a request is for, with the values of its path's parameters, None where there is none.

    :param path: below the stage, as it goes over the wire; a slash at its end means nothing.
    """
    segments = [unquote(segment) for segment in path.removesuffix("/").split("/")]
    for operation in operations():
        parts = operation[1].split("/")
        if operation[0].upper() != method or len(parts) != len(segments):
            continue
        values = {part.strip("{}"): of for part, of in zip(parts, segments, strict=True) if part.startswith("{")}
        fixed = all(part == of or part.startswith("{") for part, of in zip(parts, segments, strict=True))
        if fixed and all(values.values()):
            return operation, values
    return None


def why_forbidden(method: str, path: str, body: bytes) -> str:
    """Return why the document allows no such request, nothing where it does.

    :param path: as for :func:`operation_at`.
    """
    found = operation_at(method, path)
    if found is None:
        return "there is no such operation"
    (of_document, template), values = found
    declared = document()["paths"][template][of_document]
    for parameter in declared.get("parameters", ()):
        if not re.search(parameter["schema"]["pattern"], values[parameter["name"]]):
            return f"{parameter['name']} is not as it must be"
    content = declared.get("requestBody", {}).get("content")
    if content is None:
        return ""
    (schema,) = (of["schema"]["$ref"].rpartition("/")[2] for of in content.values())
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        return f"the body is no JSON: {error}"
    fault = next(_validator(schema).iter_errors(value), None)
    return f"the body is not as it must be: {fault.message[:200]}" if fault else ""


@cache
def _validator(schema: str) -> Draft4Validator:
    declared: Mapping[str, Any] = document()["components"]["schemas"][schema]
    return Draft4Validator(declared)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is none")
