"""What of a checkout is committed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pinpipe_cli.deploy.errors import DeploymentError
from pinpipe_cli.deploy.git_state import git_state


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("one")
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    for arguments in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "first")):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, timeout=30)
    return tmp_path


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    found = git_state(checkout, allow_dirty=False)
    assert len(found.commit) == 40
    assert not found.dirty


@pytest.mark.parametrize("name", ["file", "new"])
def test_a_dirty_checkout_is_refused_and_what_is_dirty_named(checkout: Path, name: str) -> None:
    (checkout / name).write_text("changed")
    with pytest.raises(DeploymentError, match=rf"not committed \(.*{name}\).*--allow-dirty"):
        git_state(checkout, allow_dirty=False)
    assert git_state(checkout, allow_dirty=True).dirty


def test_what_is_no_checkout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(DeploymentError, match="no git checkout"):
        git_state(tmp_path, allow_dirty=False)
    assert git_state(tmp_path, allow_dirty=True).commit == "unknown"
