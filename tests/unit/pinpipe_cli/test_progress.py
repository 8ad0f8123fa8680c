"""What long waits show, on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from local.progress import waits_for
from pinpipe_cli.output import console
from pinpipe_cli.progress import TerminalProgress, coloured, duration, is_lively, progress, waiting_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_each_step_is_a_line_and_waits_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as say:
        say("starting Kafka")
        waits_for(say, ["kafka"], 0, 1)
        say("  kafka is ready")
    assert capsys.readouterr() == ("starting Kafka\n  kafka is ready\n", "")


def test_where_standard_output_is_a_document_the_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(as_json=True) as say:
        say("starting Kafka")
    assert capsys.readouterr() == ("", "starting Kafka\n")


def test_a_dumb_terminal_is_not_written_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, lively in (("xterm-256color", True), ("dumb", False), ("", False)):
        monkeypatch.setenv("TERM", name)
        assert is_lively(Terminal()) is lively
    monkeypatch.setenv("TERM", "xterm")
    assert not is_lively(io.StringIO())


def test_a_terminal_has_lines_that_stay_and_what_is_waited_for_with_its_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    display = TerminalProgress(console(stream))
    with display.shown():
        display("  postgres is ready\n\x1b[2Jsecond")
        display.waits_for(["kafka", "gateway", "connect", "airflow"], 1, 5)
        display._bar.refresh()
    shown = stream.getvalue()
    assert "postgres" in shown
    assert "waiting for kafka, gateway, connect and 1 more" in shown
    assert "1 of 5" in shown
    assert "\x1b[2J" not in shown


def test_the_next_step_and_the_next_wait_take_the_place_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    display = TerminalProgress(console(Terminal()))
    with display.shown():
        display.waits_for(["kafka"], 1, 5)
        display.waits_for(["the stream"])
        assert (display._bar.tasks[0].description, display._bar.tasks[0].total) == ("waiting for the stream", None)
        display("  kafka is ready")
        assert display._bar.tasks[0].description == "waiting for the stream"
        display("== provision")
        assert display._bar.tasks[0].description == "provision"
        display("x" * 100)
        assert display._bar.tasks[0].description == "x" * 60 + "…"


def test_a_command_on_a_terminal_has_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", Terminal())
    with progress() as say:
        assert isinstance(say, TerminalProgress)


def test_no_color_leaves_a_terminal_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    with (display := TerminalProgress(console(stream))).shown():
        display("clean: failed")
    assert "clean: failed" in stream.getvalue()
    assert "\x1b[3" not in stream.getvalue()


def test_states_are_coloured_and_words_stay() -> None:
    line = coloured("  clean: failed in 3.0 s, see http://a/b")
    assert line.plain == "  clean: failed in 3.0 s, see http://a/b"
    assert {str(span.style) for span in line.spans} == {"red", "blue"}


def test_durations_and_waits_are_in_words() -> None:
    assert (duration(59.6), duration(125), duration(3)) == ("1 min 0 s", "2 min 5 s", "3 s")
    assert (waiting_text([]), waiting_text(["a"])) == ("", "waiting for a")
