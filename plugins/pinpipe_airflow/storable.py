"""Which records a sink connector stores: those that it does not are passed over without being committed."""

from __future__ import annotations

import json
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
        return isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False
