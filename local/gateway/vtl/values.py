"""Values of a template: their Java methods, and how they are written where a template names them.

A map is written as Java's text, ``{a=b}``, which is no JSON; an array that came from JSON is written as JSON, because
on AWS it is a ``JSONArray`` of json-smart; a list that the template made is written as Java's, ``[a, b]``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any


class UnsupportedTemplateError(Exception):
    """The template asks for something that this stand-in does not execute; the message names it."""


class JavaMap:
    """A ``java.util.LinkedHashMap``: a loop over it visits its values.

    :param entries: the values by key.
    """

    __slots__ = ("entries",)

    def __init__(self, entries: dict[str, Any] | None = None) -> None:
        self.entries = {} if entries is None else entries

    def __getitem__(self, key: str) -> Any:
        return self.entries.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.entries[key] = value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JavaMap) and self.entries == other.entries

    __hash__ = None  # type: ignore[assignment]


class JavaList(list[Any]):
    """A ``java.util.ArrayList``, as the template itself makes one; a plain list is an array that came from JSON."""


class JsonFloat(float):
    """A number with a fraction or an exponent, written as it came."""

    text: str

    def __new__(cls, text: str) -> JsonFloat:  # noqa: D102
        number = super().__new__(cls, text)
        number.text = text
        return number


def from_json(text: bytes | str) -> Any:
    """Return the value that the JSON ``text`` stands for.

    :raises ValueError: when it is no JSON.
    """
    return json.loads(text, object_hook=JavaMap, parse_float=JsonFloat, parse_constant=_no_json)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def json_text(value: Any) -> str:
    """Return ``value`` as JSON."""
    if isinstance(value, JsonFloat):
        return value.text
    if isinstance(value, JavaMap):
        members = (f"{json_text(str(key))}:{json_text(member)}" for key, member in value.entries.items())
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(json_text, value))}]"
    return json.dumps(value, ensure_ascii=False)


def java_text(value: Any) -> str:
    """Return what Java's ``String.valueOf`` gives."""
    if isinstance(value, str):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, JsonFloat):
        return value.text
    if isinstance(value, JavaMap):
        return f"{{{', '.join(f'{key}={java_text(member)}' for key, member in value.entries.items())}}}"
    if isinstance(value, JavaList):
        return f"[{', '.join(map(java_text, value))}]"
    if isinstance(value, list):
        return json_text(value)
    return str(value)


def _replace_all(text: str, pattern: str, replacement: str) -> str:
    if "$" in replacement or "\\" in replacement:
        raise UnsupportedTemplateError(f"replaceAll: groups and escapes in {replacement!r} are not offered")
    return re.sub(pattern, lambda _: replacement, text)


def _element(elements: list[Any], index: int) -> Any:
    return elements[index] if 0 <= index < len(elements) else None


def _put(entries: JavaMap, key: str, value: Any) -> Any:
    before = entries[key]
    entries[key] = value
    return before


def _put_all(entries: JavaMap, others: JavaMap) -> None:
    entries.entries.update(others.entries)


def _added(elements: list[Any], element: Any) -> bool:
    elements.append(element)
    return True


Methods = Mapping[str, Callable[..., Any]]

_OF_ALL: Methods = {"equals": lambda value, other: value == other, "toString": java_text}
_OF_TEXT: Methods = {
    "contains": lambda text, part: part in text,
    "endsWith": str.endswith,
    "indexOf": str.find,
    "isEmpty": lambda text: not text,
    "length": len,
    "matches": lambda text, pattern: re.fullmatch(pattern, text) is not None,
    "replace": str.replace,
    "replaceAll": _replace_all,
    "startsWith": str.startswith,
    "substring": lambda text, begin, end=None: text[begin:end],
    "toLowerCase": str.lower,
    "toUpperCase": str.upper,
    "trim": str.strip,
}
_OF_MAP: Methods = {
    "containsKey": lambda entries, key: key in entries.entries,
    "get": lambda entries, key: entries[key],
    "isEmpty": lambda entries: not entries.entries,
    "keySet": lambda entries: JavaList(entries.entries),
    "put": _put,
    "putAll": _put_all,
    "size": len,
    "values": lambda entries: JavaList(entries.entries.values()),
}
_OF_LIST: Methods = {
    "add": _added,
    "contains": lambda elements, element: element in elements,
    "get": _element,
    "isEmpty": lambda elements: not elements,
    "size": len,
}
METHOD_NAMES = frozenset(_OF_ALL) | frozenset(_OF_TEXT) | frozenset(_OF_MAP) | frozenset(_OF_LIST)


def call(value: Any, name: str, arguments: list[Any]) -> Any:
    """Return what the Java method ``name`` of ``value`` gives; None where there is no such, as Velocity does."""
    methods = _OF_TEXT if isinstance(value, str) else _OF_MAP if isinstance(value, JavaMap) else {}
    methods = _OF_LIST if isinstance(value, list) else methods
    method = None if value is None else methods.get(name) or _OF_ALL.get(name)
    return None if method is None else method(value, *arguments)


def member(value: Any, name: str) -> Any:
    """Return the member ``name`` of a map; None where there is none, or ``value`` is no map."""
    return value[name] if isinstance(value, JavaMap) else None


def element(value: Any, index: Any) -> Any:
    """Return ``value[index]`` of a list or map; None where there is none."""
    if isinstance(value, list) and isinstance(index, int):
        return _element(value, index)
    return member(value, str(index))
