from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from local.supervision import Program, Supervisor


def test_the_configuration_survives_blanks_and_percent_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path / "50 % off"))
    text = Supervisor("secret")._configuration([Program("echo", ["/bin/echo", "a b", "100%"], {"X": "1%2"})])
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    section = parser["program:echo"]
    assert section["command"] == '"/bin/echo" "a b" "100%%"'
    assert section["environment"] == 'X="1%%2"'
    assert "50 %% off" in section["stdout_logfile"]
    assert parser["inet_http_server"]["port"].startswith("127.0.0.1:")
    assert parser["supervisord"]["umask"] == "077"


def test_a_path_that_supervisor_cannot_take_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path / 'a"b'))
    with pytest.raises(ValueError, match="quote"):
        Supervisor("secret")._configuration([])


def test_a_supervisor_that_does_not_answer_is_not_running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path))
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", "7123")
    assert not Supervisor("secret").running()
