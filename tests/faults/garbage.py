"""Requests that nobody should send, drawn from what the API's own document allows and then spoilt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from include.settings import settings
from tests.faults.api_document import Operation, document, operations

_METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD")
_CONTENT_TYPES = (
    "application/vnd.kafka.json.v2+json",
    "application/json",
    "application/json; charset=utf-16",
    "application/vnd.kafka.binary.v2+json",
    "text/plain",
    "multipart/form-data; boundary=x",
    "",
)


@dataclass(frozen=True)
class Request:
    """One request.

    :param operation: the path of the document that it began as, and the method.
    :param path: below the stage, as it goes over the wire.
    :param has_key: whether it is sent with the right API key; else with the one among ``headers``, or with none.
    """

    operation: Operation
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    has_key: bool


@st.composite
def requests(draw: DrawFn) -> Request:
    """Draw a request: one that the document allows, spoilt in some way, or in none."""
    operation = draw(st.sampled_from(operations()))
    of_document, path = operation
    declared = document()["paths"][path][of_document]
    method = draw(_mostly(of_document.upper(), st.sampled_from(_METHODS)))
    # A stream of the pipeline must not be deleted, and none be made: such is asked for under impossible names alone.
    names = _refused_names()
    if path != "/streams/{stream-name}" or method not in ("POST", "DELETE"):
        names = st.one_of(_known_names(path), names)
    filled = "".join(
        f"/{quote(draw(names), safe='')}" if part.startswith("{") else f"/{part}" for part in path.strip("/").split("/")
    )
    has_key = draw(st.integers(0, 19)) != 0
    return Request(
        operation=operation,
        method=method,
        path=draw(_mostly(filled, _paths())),
        headers=draw(_headers(declared)) | ({} if has_key else draw(_wrong_keys())),
        body=draw(_bodies(declared)),
        has_key=has_key,
    )


def _wrong_keys() -> SearchStrategy[dict[str, str]]:
    """No key, or one that is none."""
    return st.just({}) | st.text("0123456789abcdefXYZ", min_size=1, max_size=40).map(lambda key: {"x-api-key": key})


def _known_names(path: str) -> SearchStrategy[str]:
    names = settings().streams if path.startswith("/streams") else settings().topics
    return st.sampled_from(sorted(names.values()))


def _refused_names() -> SearchStrategy[str]:
    """Names that no stream and no topic can have."""
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).map(lambda text: f"{text}\u00a7")


def _paths() -> SearchStrategy[str]:
    return st.binary(max_size=30).map(lambda content: "/" + quote(content, safe="/"))


@st.composite
def _headers(draw: DrawFn, declared: Mapping[str, Any]) -> dict[str, str]:
    wanted = next(iter((declared.get("requestBody") or {}).get("content", {"application/json": {}})))
    printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)
    headers = {"content-type": draw(_mostly(wanted, st.one_of(st.sampled_from(_CONTENT_TYPES), printable)))}
    if draw(st.integers(0, 9)) == 0:
        headers |= {f"x-{draw(st.integers(0, 99))}": draw(printable), "accept": draw(printable)}
    return headers


@st.composite
def _bodies(draw: DrawFn, declared: Mapping[str, Any]) -> bytes:
    content = (declared.get("requestBody") or {}).get("content")
    if not content:
        return draw(_mostly(b"", st.binary(max_size=200)))
    value = draw(_valid(next(iter(content.values()))["schema"]["$ref"]))
    for _ in range(draw(st.integers(0, 3))):
        value = draw(_spoilt(value))
    body = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    return draw(_torn(body))


@cache
def _valid(reference: str) -> SearchStrategy[Any]:
    """Strategy of what a schema of the document allows."""
    return _of_schema(document()["components"]["schemas"][reference.rpartition("/")[2]])


def _of_schema(schema: Mapping[str, Any]) -> SearchStrategy[Any]:
    """Strategy of what a schema allows, as far as request bodies of the document go."""
    match schema.get("type"):
        case "object":
            members = {name: _of_schema(member) for name, member in schema["properties"].items()}
            required = set(schema.get("required", ()))
            return st.fixed_dictionaries(
                {name: member for name, member in members.items() if name in required},
                optional={name: member for name, member in members.items() if name not in required},
            )
        case "array":
            return st.lists(_of_schema(schema["items"]), min_size=schema.get("minItems", 0), max_size=4)
        case "string":
            return st.text(min_size=schema.get("minLength", 0), max_size=20)
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case None:  # anything but what `not` names
            return _anything().filter(lambda value: value is not None)
        case other:
            raise NotImplementedError(f"a body of type {other}: say here how such a value is drawn")


@st.composite
def _spoilt(draw: DrawFn, value: Any) -> Any:
    """Draw a value with something in it taken away, replaced, renamed or added."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        way = draw(st.integers(0, 3))
        if way == 0:
            return {name: each for name, each in value.items() if name != key}
        if way == 1:
            return {draw(st.text(max_size=8)) if name == key else name: each for name, each in value.items()}
        if way == 2:
            return {**value, draw(st.text(max_size=8)): draw(_anything())}
        return {**value, key: draw(_spoilt(value[key]))}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(_spoilt(value[place])), *value[place + 1 :]]
    return draw(_anything())


@st.composite
def _torn(draw: DrawFn, body: bytes) -> bytes:
    """Draw a body that is cut, or has other bytes in it; most are left as they are."""
    way = draw(st.integers(0, 19))
    place = draw(st.integers(0, len(body))) if way < 3 else 0
    if way == 0:
        return body[:place]
    if way == 1:
        return body[:place] + draw(st.binary(min_size=1, max_size=4)) + body[place:]
    if way == 2:
        return draw(st.binary(max_size=100))
    return body


@cache
def _anything() -> SearchStrategy[Any]:
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(), max_size=20),
        st.just("x" * 5_000),
    )
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
    )


def _mostly(usual: Any, otherwise: SearchStrategy[Any]) -> SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda drawn: otherwise if drawn == 0 else st.just(usual))
