"""The Dockerfile: what a linter says of it, and that it fits the project."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from local import ports

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert found.stdout + found.stderr == ""


def test_airflows_port_is_the_one_that_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PINPIPE_PORT_OFFSET", raising=False)
    assert re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE) == [str(ports.port("airflow"))]


def test_what_is_copied_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--from)", line)]
    assert {name for names in copied for name in names} == kept
    assert all((ROOT / name).exists() for name in kept)


def test_the_state_folder_has_its_lock_beside_it_within_the_volume() -> None:
    (home,) = re.findall(r"PINPIPE_HOME=(\S+)", DOCKERFILE)
    (volume,) = re.findall(r"^VOLUME (.*)$", DOCKERFILE, re.MULTILINE)
    assert str(Path(home).parent) == volume, "nothing else may be written by who runs it"


def test_what_runs_is_not_root() -> None:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    assert re.findall(r"^USER (.*)$", last_stage, re.MULTILINE) == ["1000"]
