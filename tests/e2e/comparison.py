"""Compares the pipeline's tables with the independent computation, row by row."""

from __future__ import annotations

import os
from datetime import date
from typing import Any

from deltalake import DeltaTable

from tests.e2e.oracle.cleaning import Day, raw_columns

LAKE = "s3://pinpipe-local/delta"


def delta_table(name: str, layer: str = "batch") -> DeltaTable:
    options = {
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
        "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "AWS_REGION": os.environ["AWS_DEFAULT_REGION"],
        "AWS_ALLOW_HTTP": "true",
        "AWS_S3_ALLOW_UNSAFE_RENAME": "true",
    }
    return DeltaTable(f"{LAKE}/{layer}/{name}", storage_options=options)


def rows_of_day(name: str, day: date) -> list[dict[str, Any]]:
    """Return a batch table's rows of a day, in the order of their address; of metrics in that of their names."""
    rows = delta_table(name).to_pyarrow_table(filters=[("ingest_date", "=", day)]).to_pylist()
    if name == "metrics":
        return sorted(rows, key=lambda row: (row["data_set"], row["metric"], row["detail"] or ""))
    # A line that is no record has no offset.
    return sorted(
        rows, key=lambda row: (row["topic"], row["partition"], -1 if row["offset"] is None else row["offset"])
    )


def files_by_day(name: str) -> dict[str, set[str]]:
    """Return the data files of a batch table's newest version, by partition value."""
    found: dict[str, set[str]] = {}
    for uri in delta_table(name).file_uris():
        day = uri.split("ingest_date=")[1].split("/")[0]
        found.setdefault(day, set()).add(uri)
    return found


def assert_day_equals(expected: Day) -> None:
    """Assert that clean and quarantined rows of a day equal the independent computation's, in every column."""
    for name, rows in expected.clean.items():
        wanted = sorted(rows, key=_address)
        found = rows_of_day(name, expected.day)
        assert [_address(row) for row in found] == [_address(row) for row in wanted], f"{name} of {expected.day}"
        for row, other in zip(found, wanted, strict=True):
            assert row == other, f"{name} of {expected.day}"
    found_bad = {_address(row): row for row in rows_of_day("quarantine", expected.day)}
    wanted_bad = {(bad.topic, bad.partition, bad.offset): bad for bad in expected.quarantined}
    assert found_bad.keys() == wanted_bad.keys(), f"quarantine of {expected.day}"
    for address, bad in wanted_bad.items():
        row = found_bad[address]
        assert (row["data_set"], row["key"], sorted(row["rules"])) == (bad.data_set, bad.key, sorted(bad.rules)), (
            address
        )
        if bad.data_set == "dead_letter":
            assert row["raw"] == bad.raw, address
        else:
            assert raw_columns(row["raw"]) == raw_columns(bad.raw), address


def assert_receipt_agrees(receipt: dict[str, Any], expected: Day) -> None:
    """Assert that a receipt's counts are the independent computation's and add up."""
    for name, counts in receipt["data_sets"].items():
        parts = ("clean", "redelivered", "identical", "superseded", "quarantined")
        assert counts["read"] == sum(counts[part] for part in parts), name
        wanted = expected.counts.get(name) or dict.fromkeys(("read", *parts), 0)
        # Overlapping raw objects add redelivered rows; the log itself holds each address once.
        surplus = counts["redelivered"] - wanted["redelivered"]
        assert surplus >= 0, name
        adjusted = {**counts, "read": counts["read"] - surplus, "redelivered": wanted["redelivered"]}
        assert adjusted == wanted, name


def _address(row: dict[str, Any]) -> tuple[str, int, int]:
    return row["topic"], row["partition"], row["offset"]
