from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from local import secret_store


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_secrets_are_random_and_stay_the_same() -> None:
    first = secret_store.load()
    assert secret_store.load() == first
    assert len(set(first.values())) == len(first)
    assert all(len(value) >= 20 for value in first.values()), "API Gateway takes keys of 20 characters and more"


def test_only_the_owner_may_read_them(state: Path) -> None:
    secret_store.load()
    assert stat.S_IMODE(secret_store.secret_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_a_secret_that_a_newer_version_needs_is_added_to_the_old_ones() -> None:
    old = secret_store.load()
    kept = {name: value for name, value in old.items() if name != "api_key"}
    secret_store.write_private(secret_store.secret_file(), json.dumps(kept))
    new = secret_store.load()
    assert {name: new[name] for name in kept} == kept
    assert new["api_key"] != old["api_key"]
