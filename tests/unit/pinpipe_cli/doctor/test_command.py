"""`pinpipe doctor` as people and scripts have it."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pinpipe_airflow.preflight.result import Finding, not_checked, ok, warning, wrong
from typer.testing import CliRunner

from local import ports
from local.home import ROOT
from pinpipe_cli.doctor import checkup
from pinpipe_cli.findings_output import print_findings
from pinpipe_cli.main import app


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(*found: Finding, stream: io.StringIO | None = None) -> str:
    stream = stream or Terminal()
    print_findings(found, stream)
    return stream.getvalue()


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch):
    def set_to(*found: Finding) -> None:
        monkeypatch.setattr(checkup, "checks", lambda: [checkup.Check("x", lambda: None, [lambda _: found])])

    return set_to


def test_it_exits_with_1_where_anything_is_wrong_and_with_0_at_warnings(finds) -> None:
    finds(ok("a", "well"), warning("b", "so so", "mend b"), not_checked("c", "no world"))
    good = CliRunner().invoke(app, ["doctor"])
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, "1 warning, 1 not checked, 1 ok")
    finds(wrong("d", "broken", "mend d", "it matters"))
    bad = CliRunner().invoke(app, ["doctor"])
    assert (bad.exit_code, bad.output) == (1, "wrong  d: broken\n       it matters\n       -> mend d\n1 wrong\n")


def test_the_json_is_one_document_with_every_finding(finds) -> None:
    finds(wrong("d", "broken", "mend d", "it matters"))
    done = CliRunner().invoke(app, ["doctor", "--json"])
    finding = {"subject": "d", "outcome": "wrong", "found": "broken", "way_out": "mend d", "why": "it matters"}
    assert (done.exit_code, json.loads(done.stdout)) == (1, {"well": False, "findings": [finding]})


def test_a_terminal_has_marks_colours_and_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    shown = printed(ok("a", "well"), wrong("d", "bro\x1b[2Jken", "mend d", "it matters"))
    assert "✔" in shown
    assert "✘" in shown
    assert "→ mend d" in shown
    assert "\x1b[" in shown
    assert "\x1b[2J" not in shown  # what is found comes from processes and files


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in printed(wrong("d", "broken", "mend d"), ok("a", "well"))


def test_a_real_machine_is_looked_at_whole_though_its_settings_are_wrong_and_a_port_is_taken(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PINPIPE_", "AWS_"))},
        "PINPIPE_HOME": str(tmp_path / "state"),
        "PINPIPE_PORT_OFFSET": "14300",
        "PINPIPE_ENV": "nowhere",
        "PYTHONPATH": str(ROOT),
    }
    with socket.socket() as taken:
        taken.bind((ports.HOST, 8080 + 14300))
        taken.listen()
        done = subprocess.run(
            [sys.executable, "-c", "from pinpipe_cli.main import main; main()", "doctor", "--json"],
            env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    found = {one["subject"]: one for one in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert found["settings"]["outcome"] == "wrong"
    assert f"pid {os.getpid()}" in found["port 22380"]["found"]
    assert {"Python", "Java", "memory", "leftovers", "services", "stream"} <= set(found)
    assert not [one for one in found.values() if "the check itself failed" in one["found"]]
    assert not (tmp_path / "state").exists()  # it changes nothing
