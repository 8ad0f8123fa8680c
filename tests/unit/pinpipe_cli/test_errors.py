"""What went wrong, in a few words, with the way out and the exit code."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import botocore.exceptions
import pytest
import requests

from emulator.database import SourceError
from include.settings import SettingsError
from local.home import ROOT
from local.world import NoWorldError, WorldError
from pinpipe_cli.airflow_api import AirflowApi, AirflowApiError
from pinpipe_cli.deploy.errors import DeploymentError
from pinpipe_cli.errors import Exit, explain
from pinpipe_cli.runs import RunFailed


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def client_error(code: str) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "m"}}, "PutObject")


@pytest.mark.parametrize(
    ("error", "exit_code", "way_out"),
    [
        (SettingsError("PINPIPE_X"), Exit.WRONG_CALL, ""),
        (NoWorldError("there is no world"), Exit.UNREACHABLE, ""),
        (WorldError("port 8080 is taken"), Exit.FAILED, ""),
        (SourceError("no table"), Exit.FAILED, ""),
        (
            caused(SourceError("…"), OSError("connection to 127.0.0.1: Connection refused")),
            Exit.UNREACHABLE,
            "pinpipe up",
        ),
        (RunFailed("clean_batch: run r failed"), Exit.FAILED, ""),
        (DeploymentError("dirty"), Exit.FAILED, ""),
        (caused(DeploymentError("AWS"), client_error("ExpiredToken")), Exit.REFUSED, "aws sso login"),
        (AirflowApiError("does not answer"), Exit.UNREACHABLE, "pinpipe up"),
        (AirflowApiError("500", 503), Exit.UNREACHABLE, "pinpipe up"),
        (AirflowApiError("bad token", 401), Exit.REFUSED, "PINPIPE_HOME"),
        (AirflowApiError("refused params", 422), Exit.FAILED, ""),
        (ConnectionRefusedError("refused"), Exit.UNREACHABLE, "pinpipe up"),
        (requests.ConnectionError("x"), Exit.UNREACHABLE, "pinpipe up"),
        (
            caused(LookupError("S3 does not answer"), botocore.exceptions.EndpointConnectionError(endpoint_url="x")),
            Exit.UNREACHABLE,
            "pinpipe up",
        ),
        (botocore.exceptions.NoCredentialsError(), Exit.REFUSED, "aws sso login"),
        (botocore.exceptions.ProfileNotFound(profile="x"), Exit.REFUSED, "AWS_PROFILE"),
        (client_error("AccessDenied"), Exit.REFUSED, "aws sts get-caller-identity"),
        (PermissionError(errno.EACCES, "denied", "/x"), Exit.REFUSED, "pinpipe doctor"),
        (OSError(errno.ENOSPC, "No space left on device"), Exit.FAILED, "make room"),
        (ModuleNotFoundError("No module named 'duckdb'"), Exit.FAILED, "make install"),
        (LookupError("no question 'Q9'"), Exit.FAILED, ""),
        (ValueError("answers are over all days"), Exit.FAILED, ""),
        (KeyError("x"), Exit.UNEXPECTED, "--debug"),
        (TypeError("x"), Exit.UNEXPECTED, "--debug"),
        (client_error("NoSuchThing"), Exit.UNEXPECTED, "--debug"),
    ],
    ids=repr,
)
def test_each_error_has_its_exit_code_and_way_out(error: Exception, exit_code: Exit, way_out: str) -> None:
    problem = explain(error)
    assert problem.exit_code is exit_code
    assert way_out in problem.way_out
    assert bool(problem.way_out) is bool(way_out)


def test_a_database_of_ones_own_that_does_not_answer_is_not_started_by_the_world(monkeypatch) -> None:
    monkeypatch.setenv("PINPIPE_SOURCE_URL", "postgresql://me@db.example/posts")
    problem = explain(caused(SourceError("db.example refused"), OSError("Connection refused")))
    assert (problem.exit_code, problem.way_out) == (Exit.UNREACHABLE, "")


def test_elsewhere_nobody_is_told_to_start_the_local_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_ENV", "example-aws")
    assert explain(AirflowApiError("does not answer")).way_out == ""


def test_an_airflow_that_is_not_there_is_told_without_the_names_of_classes() -> None:
    with pytest.raises(AirflowApiError) as refused:
        AirflowApi("http://127.0.0.1:9", "admin", "secret", patient=False).dags()
    assert str(refused.value) == "Airflow at http://127.0.0.1:9 does not answer (Connection refused): is the world up?"


def pinpipe(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PINPIPE_")}
    return subprocess.run(
        [sys.executable, "-c", "from pinpipe_cli.main import main; main()", *arguments],
        env={**kept, "PYTHONPATH": str(ROOT), "PINPIPE_HOME": "/nonexistent/pinpipe", **environment},
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_without_a_terminal_it_is_plain_lines_and_the_traceback_stays_away() -> None:
    done = pinpipe("login")
    assert (done.returncode, done.stdout) == (Exit.UNREACHABLE, "")
    assert done.stderr == "pinpipe: there is no world in /nonexistent/pinpipe yet: `pinpipe up` makes it\n"


@pytest.mark.parametrize(("options", "variables"), [(["--debug"], {}), ([], {"PINPIPE_DEBUG": "1"})])
def test_who_asks_for_it_has_the_traceback(options: list[str], variables: dict[str, str]) -> None:
    done = pinpipe(*options, "login", **variables)
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("pinpipe: there is no world")


def test_where_json_was_asked_for_the_error_is_one_document_too() -> None:
    done = pinpipe("login", "--json")
    told = json.loads(done.stdout)["error"]
    assert (done.returncode, told["exit_code"], told["title"]) == (3, 3, "no world")
    assert told["message"] in done.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["run"], ["table", "pin", "--layer", "none"], ["--wrong"]])
def test_a_wrong_call_is_told_on_standard_error_alone(arguments: list[str]) -> None:
    done = pinpipe(*arguments)
    assert (done.returncode, done.stdout) == (Exit.WRONG_CALL, "")
    assert "Usage: " in done.stderr


def test_an_environment_that_is_not_there_is_a_wrong_call_and_its_help_is_still_given() -> None:
    done = pinpipe("status", PINPIPE_ENV="nowhere")
    assert (done.returncode, "there is no include/environments/nowhere.yaml" in done.stderr) == (2, True)
    assert pinpipe("status", "--help", PINPIPE_ENV="nowhere").returncode == 0
