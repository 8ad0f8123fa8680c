"""Which records a sink connector stores: those that it does not are passed over without being committed."""

from __future__ import annotations

import json
import re
from typing import Literal

type Stores = Literal["json_objects", "values"]
"""What a connector stores: values that are JSON objects, or any value at all."""


def is_storable(value: bytes | None, stores: Stores) -> bool:
    """Return whether a sink stores a record; in doubt that it does, as what is stored is waited for.

    :param value: the record's value, None for a tombstone.
    :param stores: what the sink stores.
    """
    if value is None or stores == "values":
        return value is not None
    try:
        # As Connect's converter reads: the first JSON of the text, whatever follows, and no NaN.
        return isinstance(_DECODER.raw_decode(value.decode().lstrip())[0], dict)
    except (ValueError, RecursionError):
        return _LEADING_ZERO.search(value) is not None  # which it takes, and Python does not


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_LEADING_ZERO = re.compile(rb"[\[:,\s-]0[0-9]")
