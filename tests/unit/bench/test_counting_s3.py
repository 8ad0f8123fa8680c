from __future__ import annotations

import pytest

from bench.counting_s3 import kind_of


@pytest.mark.parametrize(
    ("method", "path", "query", "kind"),
    [
        ("GET", "/bucket", "list-type=2&prefix=delta%2Fbatch%2F", "listed"),
        ("GET", "/bucket/", "prefix=&delimiter=%2F", "listed"),
        ("GET", "/bucket/delta/batch/pin/_delta_log/00000000000000000001.json", "", "read_delta_log"),
        ("GET", "/bucket/delta/batch/pin/ingest_date=2023-01-01/part-0.parquet", "", "read_data"),
        ("HEAD", "/bucket/topics/pinpipe.pin", "", "looked_up"),
        ("PUT", "/bucket/receipts/clean_batch/dt=2023-01-01/latest.json", "", "written"),
        ("POST", "/bucket", "delete", "written"),
        ("DELETE", "/bucket/key", "", "deleted"),
    ],
)
def test_a_request_is_counted_for_what_it_does(method, path, query, kind):
    assert kind_of(method, path, query) == kind
