"""`pinpipe report`: what it fetches, and who may read it."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pinpipe_cli import report

PAGE = b'<a href="20260301T000000Z/answers/Q1.csv">Q1</a>'


def download_file(bucket: str, key: str, file: str) -> None:
    Path(file).write_text(key)


def get_object(**_: Any) -> dict[str, Any]:
    return {"Body": io.BytesIO(PAGE)}


def test_what_is_fetched_first_of_all_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path / "home"))
    s3 = SimpleNamespace(get_object=get_object, download_file=download_file)
    monkeypatch.setattr(report.boto3, "client", lambda *_, **__: s3)
    mask = os.umask(0o022)
    try:
        page = report.fetch_report()
    finally:
        os.umask(mask)
    assert page.read_bytes() == PAGE
    answer = page.parent / "20260301T000000Z" / "answers" / "Q1.csv"
    assert answer.read_text() == "reports/20260301T000000Z/answers/Q1.csv"
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
