"""The search for secrets finds what was planted, in whatever form; else it would find nothing and be content."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.e2e.secret_search import SecretSearch

SECRET = secrets.token_urlsafe(24)
KEY = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()  # ends with "="
SEARCH = SecretSearch({"token": SECRET, "key": KEY}, {"token": "pinpipe"})


@pytest.mark.parametrize(
    "written",
    [
        f"token is {SECRET}.",
        json.dumps({"headers": {"authorization": f"Bearer {SECRET}"}}),
        f"postgresql://user:{quote(SECRET)}@127.0.0.1/db",
        base64.b64encode(f"pinpipe:{SECRET}".encode()).decode(),
        base64.b64encode(f"someone:{SECRET}".encode()).decode(),
        base64.b64encode(f"some1:{SECRET}, and on it goes".encode()).decode(),
        base64.b64encode(f"x{SECRET}".encode()).decode(),
        SECRET.encode().hex(),
    ],
    # Named here, as the secret is another in each process.
    ids=["plain", "header", "URL", "user's base64", "base64", "base64 and more", "base64 one sign on", "hexadecimal"],
)
def test_a_secret_is_found_in_each_form(written: str) -> None:
    assert SEARCH.names_in(written.encode()) == {"token"}


def test_a_key_is_found_where_its_last_sign_is_quoted() -> None:
    assert SEARCH.names_in(quote(KEY, safe="").encode()) == {"key"}


def test_what_is_no_secret_is_not_found() -> None:
    assert SEARCH.names_in(secrets.token_urlsafe(100_000).encode()) == set()
    assert SEARCH.names_in(SECRET[:-3].encode()) == set()


def test_a_secret_across_two_chunks_is_found() -> None:
    assert SEARCH.names_in_chunks([b"x" * 100, SECRET[:9].encode(), SECRET[9:].encode()]) == {"token"}


def test_files_of_each_kind_are_searched(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "plain.log").write_text(f"now {SECRET}")
    (tmp_path / "logs" / "harmless.log").write_text("now")
    (tmp_path / "logs" / "rotated.gz").write_bytes(gzip.compress(f"then {SECRET}".encode()))
    (tmp_path / "half.gz").write_bytes(gzip.compress(b"0" * 100_000)[:50])
    with zipfile.ZipFile(tmp_path / "a.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.py", f"TOKEN = '{SECRET}'")
    # As Spark writes tables: dictionaries, compressed by snappy.
    rows = pa.table({"raw": [f"a row that repeats itself {n % 7}" for n in range(5_000)] + [f"password={SECRET}"]})
    pq.write_table(rows, tmp_path / "part.snappy.parquet", compression="snappy")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")

    found, searched = SEARCH.in_folder(tmp_path, {})

    assert found == {name: {"token"} for name in ("a.whl", "logs/plain.log", "logs/rotated.gz", "part.snappy.parquet")}
    assert searched == ["a.whl", "half.gz", "logs/harmless.log", *sorted(found)[1:3], "part.snappy.parquet"]


def test_a_secret_may_be_where_it_belongs_and_no_other_secret_may(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text(f"{SECRET} {KEY}")
    assert SEARCH.in_folder(tmp_path, {"conf": ["token"]})[0] == {"conf": {"key"}}
    assert SEARCH.in_folder(tmp_path, {"con*": ["token", "key"]})[0] == {}


def test_command_lines_are_searched() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()", f"--password={SECRET}"], stdin=subprocess.PIPE)
    try:
        assert SEARCH.in_command_lines() == {f"process {process.pid}": {"token"}}
    finally:
        process.kill()
        process.communicate()
