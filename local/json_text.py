"""Faults of JSON text that its fast parser tells badly or not at all: Jackson's limits, halves of surrogate pairs."""

from __future__ import annotations

import json
import re

# Jackson's limits, and so those of Kafka Connect, Confluent's REST proxy and Spark:
# https://github.com/FasterXML/jackson-core/blob/2.18/src/main/java/com/fasterxml/jackson/core/StreamReadConstraints.java
DEEPEST_NESTING = 1000
LONGEST_NUMBER = 1000
_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]', re.DOTALL)
# Looked for from where a run of its signs begins: from each sign on, it would take a thousand times as long.
_LONG_NUMBER = re.compile(rb"(?<![-+.0-9eE])[-+.0-9eE]{%d}" % (LONGEST_NUMBER + 1))
_STRING_OR_NUMBER = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|-?([0-9][-+.0-9eE]*)', re.DOTALL)


def beyond_limits(text: bytes, deepest: int = DEEPEST_NESTING) -> str | None:
    """Return why Jackson does not read ``text``, None when it does.

    :param text: valid JSON.
    :param deepest: levels of arrays and objects that it may have.
    """
    if _nested_deeper(text, deepest):
        return f"nested too deeply: more than {deepest} levels"
    if _LONG_NUMBER.search(text):
        longest = max((len(found[1] or b"") for found in _STRING_OR_NUMBER.finditer(text)), default=0)
        if longest > LONGEST_NUMBER:
            return f"a number is {longest} characters long: more than {LONGEST_NUMBER}"
    return None


def _nested_deeper(text: bytes, deepest: int) -> bool:
    if text.count(b"[") + text.count(b"{") <= deepest:
        return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        sign = token[0][:1]
        if sign in b"[{":
            depth += 1
            if depth > deepest:
                return True
        elif sign in b"]}":
            depth -= 1
    return False


def fault_of(text: bytes, reported: Exception) -> str:
    """Return what is wrong with ``text``, in which msgspec found a fault.

    :param text: what was parsed, UTF-8.
    :param reported: msgspec's error; of half a surrogate pair it says that the text is truncated.
    """
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return str(reported)
    return r"a text holds half of a surrogate pair (\ud800 to \udfff), which is no character"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
