"""Parts of JSON text, found by JSONPath and kept as they were sent: numbers, escapes and all.

On AWS a part is written anew from what a parser made of it, so that ``1.10`` may come out as ``1.1``; both are the same
JSON, and here nothing is lost.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec

from local.gateway.vtl.values import JavaMap, UnsupportedTemplateError, from_json, json_text

# https://github.com/json-path/JsonPath: the paths that name one place.
_STEP = re.compile(r"""\.([^.\[\]()*?@,'"\s]+)|\['([^']*)'\]|\["([^"]*)"\]|\[(\d+)\]""")


class JsonPart:
    """A value within JSON text; it is opened no deeper than it is asked for.

    :param text: the value as it was sent.
    """

    __slots__ = ("_children", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._children: dict[str | int, Any] | None = None

    def find(self, path: str) -> JsonPart | None:
        """Return the part at a JSONPath, None when there is none.

        :raises UnsupportedTemplateError: when the path may name several places.
        :raises ValueError: when the text is no JSON.
        """
        part: JsonPart | None = self
        for step in _steps(path):
            part = part._child(step) if part else None
        return part

    def _child(self, step: str | int) -> JsonPart | None:
        if self._children is None:
            self._children = self._open()
        child = self._children.get(step)
        if child is not None and not isinstance(child, JsonPart):
            child = self._children[step] = JsonPart(bytes(child))
        return child

    def _open(self) -> dict[str | int, Any]:
        kind = self.text.lstrip()[:1]
        try:
            if kind == b"{":
                return {**msgspec.json.decode(self.text, type=dict[str, msgspec.Raw])}
            if kind == b"[":
                return dict(enumerate(msgspec.json.decode(self.text, type=list[msgspec.Raw])))
        except msgspec.DecodeError:
            return self._open_as_java()
        return {}

    def _open_as_java(self) -> dict[str | int, Any]:
        """Return the parts where a text holds half of a surrogate pair: no JSON to msgspec, ``?`` in Java's bytes."""
        value = from_json(self.text.decode("utf-8", "replace"))
        parts = value.entries.items() if isinstance(value, JavaMap) else enumerate(value)
        return {step: json_text(part).encode("utf-8", "replace") for step, part in parts}


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[str | int, ...]:
    rest = path[1:] if path.startswith("$") else f".{path}"
    steps: list[str | int] = []
    position = 0
    while position < len(rest):
        found = _STEP.match(rest, position)
        if found is None:
            raise UnsupportedTemplateError(f"JSONPath {path!r} is not offered: paths of names and indexes are")
        dotted, single, double, index = found.groups()
        steps.append(int(index) if index is not None else next(n for n in (dotted, single, double) if n is not None))
        position = found.end()
    return tuple(steps)
