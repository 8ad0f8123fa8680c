"""What the newest receipt tells, and one that is broken."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from pinpipe_cli import freshness
from pinpipe_cli.freshness import newest_cleaned_day

RECEIPT = {
    "day": "2024-02-29",
    "finished_at": "2024-03-01T00:20:00+00:00",
    "data_sets": {"pin": {"read": 150, "quarantined": 3}, "geo": {"read": 50, "quarantined": 1}, "dead_letter": {}},
}


def newest(monkeypatch: pytest.MonkeyPatch, content: str) -> dict[str, Any] | None:
    """Return what is told where S3 holds the receipts of two days, the newer of them with this content."""
    objects = {
        "receipts/clean_batch/dt=2024-02-28/latest.json": "{}",
        "receipts/clean_batch/dt=2024-02-29/latest.json": content,
    }
    pages = [{"Contents": [{"Key": key} for key in objects]}]
    client = SimpleNamespace(
        get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages),
        get_object=lambda **wanted: {"Body": io.BytesIO(objects[wanted["Key"]].encode())},
    )
    monkeypatch.setattr(freshness, "boto3", SimpleNamespace(client=lambda *_, **__: client))
    return newest_cleaned_day()


def test_the_newest_day_is_told_with_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert newest(monkeypatch, json.dumps(RECEIPT)) == {
        "day": "2024-02-29",
        "finished_at": "2024-03-01T00:20:00+00:00",
        "read": 200,
        "quarantined": 4,
        "quarantined_share": 0.02,
    }


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}"]
    + [
        json.dumps({**RECEIPT, **broken})
        for broken in (
            {"day": None}, {"day": "yesterday"}, {"data_sets": None}, {"data_sets": {"pin": 3}},
            {"data_sets": {"pin": {"read": "many"}}},
        )
    ],
)  # fmt: skip
def test_a_receipt_that_is_broken_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    with pytest.raises(LookupError, match=r"receipts/clean_batch/dt=2024-02-29/latest\.json is broken: "):
        newest(monkeypatch, content)
