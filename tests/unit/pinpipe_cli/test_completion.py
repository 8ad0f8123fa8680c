"""A shell that asks for completions has them, whatever is set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from include.questions import QUESTIONS
from local.home import ROOT
from pinpipe_cli import completion
from pinpipe_cli.main import app
from pinpipe_cli.reading import TABLES


def completed(words: str, **environment: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'pinpipe'; from pinpipe_cli.main import main; main()"],
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "_PINPIPE_COMPLETE": "complete_bash",
            "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1), **environment,
        },
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("pinpipe st", {"status", "stream"}),
        ("pinpipe run clean_", {"clean_batch"}),
        ("pinpipe query Q2", {"Q2", "Q2top"}),
        ("pinpipe table q", {"quarantine"}),
        ("pinpipe stream s", {"start", "status", "stop"}),
        ("pinpipe status --env example", {"example-aws"}),
    ],
)
def test_bash_is_given_what_goes_on_so(words: str, wanted: set[str]) -> None:
    assert completed(words) == wanted


def test_settings_that_cannot_be_are_no_reason_to_give_nothing() -> None:
    assert completed("pinpipe doc", PINPIPE_ENV="nowhere") == {"doctor"}


def test_the_help_names_every_question() -> None:
    (argument,) = (found for found in get_command(app).commands["query"].params if found.name == "question")
    assert argument.help.split() == sorted(question.id for question in QUESTIONS)


def test_a_question_that_was_added_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = tmp_path / "include" / "sql" / "questions"
    sql.mkdir(parents=True)
    (sql / "Q9.sql").touch()
    monkeypatch.setattr(completion, "ROOT", tmp_path)
    assert completion.questions("Q") == ["Q9"]


def test_names_of_questions_and_tables_are_those_that_there_are() -> None:
    assert completion.questions("") == sorted(question.id for question in QUESTIONS)
    assert set(completion.tables("")) == {*TABLES["serving"], *TABLES["batch"]}
