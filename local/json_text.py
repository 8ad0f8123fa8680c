"""Faults of JSON text that its fast parser tells badly or not at all: Jackson's limits, halves of surrogate pairs.

What is asked of every record works on its whole text by calls that run in C: bytes cost nanoseconds, whatever they say.
"""

from __future__ import annotations

import json
import re
from array import array
from itertools import accumulate

import msgspec

# Jackson's limits, and so those of Kafka Connect, Confluent's REST proxy and Spark:
# https://github.com/FasterXML/jackson-core/blob/2.18/src/main/java/com/fasterxml/jackson/core/StreamReadConstraints.java
DEEPEST_NESTING = 1000
LONGEST_NUMBER = 1000
LONGEST_NAME = 50_000

_BYTES = bytes(range(256))
# An opening bracket is +1, a closing one -1, as signed bytes; a quote stays.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKET_OR_QUOTE = _BYTES.translate(None, b'[{]}"')
# Jackson counts digits alone: 1.5e-7 has three.
_DIGITS = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in _BYTES)
_SIGNS_OF_A_NUMBER = b"-+.eE"
_LONG_NUMBER = b"0" * (LONGEST_NUMBER + 1)
_TEXT = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")([ \t\r\n]*:)?', re.DOTALL)


def beyond_limits(text: bytes, deepest: int = DEEPEST_NESTING) -> str | None:
    """Return why Jackson does not read ``text``, None when it does.

    :param text: valid JSON.
    :param deepest: levels of arrays and objects that it may have.
    """
    if text.count(b"[") + text.count(b"{") > deepest and _levels(text) > deepest:
        return f"nested too deeply: more than {deepest} levels"
    if _LONG_NUMBER in _digits(text):
        longest = max(map(len, _digits(_outside_of_texts(_without_escapes(text), b" ")).split()), default=0)
        if longest > LONGEST_NUMBER:
            return f"a number has {longest} digits: more than {LONGEST_NUMBER}"
    if len(text) > LONGEST_NAME:
        longest = _longest_name(text)
        if longest > LONGEST_NAME:
            return f"a name is {longest} bytes long: more than {LONGEST_NAME}"
    return None


def _levels(text: bytes) -> int:
    signs = _without_escapes(text).translate(_STEPS, _NO_BRACKET_OR_QUOTE)
    # Two quotes side by side change nothing for the brackets around them.
    steps = _outside_of_texts(signs.replace(b'""', b""), b"")
    return max(accumulate(array("b", steps)), default=0)


def _digits(text: bytes) -> bytes:
    return text.translate(_DIGITS, _SIGNS_OF_A_NUMBER)


def _without_escapes(text: bytes) -> bytes:
    """Return ``text`` with a sign of one byte in place of each escaped quote and backslash."""
    return text.replace(rb"\\", b"_").replace(rb"\"", b"_")


def _outside_of_texts(text: bytes, between: bytes) -> bytes:
    """Return what stands outside of the texts of JSON that has no escaped quotes."""
    return between.join(text.split(b'"')[::2])


def _longest_name(text: bytes) -> int:
    if max(map(len, _without_escapes(text).split(b'"'))) <= LONGEST_NAME:
        return 0
    names = (found[1] for found in _TEXT.finditer(text) if found[2] and len(found[1]) > LONGEST_NAME)
    return max((len(msgspec.json.decode(name, type=str).encode()) for name in names), default=0)


def fault_of(text: bytes, reported: Exception) -> str:
    """Return what is wrong with ``text``, in which msgspec found a fault.

    :param text: what was parsed.
    :param reported: msgspec's error; of half a surrogate pair it says that the text is truncated.
    """
    try:
        # Of bytes, json would guess the encoding.
        json.loads(text.decode("utf-8"), parse_int=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return str(reported)
    return r"a text holds half of a surrogate pair (\ud800 to \udfff), which is no character"


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
