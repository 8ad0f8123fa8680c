"""Which records a sink stores."""

from __future__ import annotations

import pytest
from pinpipe_airflow.storable import is_storable


@pytest.mark.parametrize("value", [b"{}", b' {"index": 1}\n', b'{"a":1}{"b":2}', b'{"a":1} x', b'{"a":01}'])
def test_objects_are_stored(value: bytes) -> None:
    assert is_storable(value, "json_objects")


@pytest.mark.parametrize(
    "value", [None, b"", b"null", b"17", b"[1]", b"not json", b'{"a": NaN}', b'{"a":"\xff"}', b"[" * 10**5]
)
def test_what_is_no_object_is_not(value: bytes | None) -> None:
    assert not is_storable(value, "json_objects")


@pytest.mark.parametrize(("value", "stored"), [(b"", True), (b"\xff", True), (None, False)])
def test_a_sink_of_bytes_stores_all_that_has_a_value(value: bytes | None, stored: bool) -> None:
    assert is_storable(value, "values") is stored
