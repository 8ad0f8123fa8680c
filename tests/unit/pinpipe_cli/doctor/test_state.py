"""A state folder as it should be, and what killed worlds, other users and other versions leave in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pinpipe_airflow.preflight.result import Finding, Outcome

from pinpipe_cli.doctor.state import (
    GIB,
    AccessFacts,
    FormatFacts,
    LeftoverFacts,
    LogFacts,
    PathFacts,
    PidFileFacts,
    access,
    formats,
    leftovers,
    logs,
)

HOME, SECRETS = Path("/s"), Path("/s/secrets.json")
ACCESS = AccessFacts(
    HOME, exists=True, is_folder=True, writable=True, me=1000,
    paths=[PathFacts(HOME, 0o700, 1000, False), PathFacts(SECRETS, 0o600, 1000, True)],
)  # fmt: skip
CLEAN = LeftoverFacts(supervised=False, locked=False, pid_files=[], processes=[])
PID_FILE = PidFileFacts(Path("/s/x.pid"), "PostgreSQL", 42, alive=False, ours=False, blocks=True)
LOGS = LogFacts(Path("/s/logs"), GIB, GIB // 100, 50 * GIB)


def only(found: object) -> Finding:
    (finding,) = list(found)
    return finding


def test_a_file_is_no_state_folder() -> None:
    finding = only(access(replace(ACCESS, is_folder=False)))
    assert (finding.outcome, finding.found) == (Outcome.WRONG, "/s is a file")


def test_a_private_folder_is_ok_and_one_that_is_not_there_too() -> None:
    assert only(access(ACCESS)).outcome is Outcome.OK
    absent = only(access(replace(ACCESS, exists=False, paths=[])))
    assert (absent.outcome, "pinpipe up" in absent.found) == (Outcome.OK, True)


def test_secrets_that_others_may_read_are_wrong_and_a_folder_a_warning() -> None:
    open_secrets = only(access(replace(ACCESS, paths=[PathFacts(SECRETS, 0o644, 1000, True)])))
    assert (open_secrets.outcome, open_secrets.way_out) == (Outcome.WRONG, "chmod 600 /s/secrets.json")
    open_folder = only(access(replace(ACCESS, paths=[PathFacts(HOME, 0o755, 1000, False)])))
    assert (open_folder.outcome, open_folder.found, open_folder.way_out) == (
        Outcome.WARNING,
        "mode 0755",
        "chmod 700 /s",
    )


def test_a_folder_of_another_user_is_wrong_but_for_root() -> None:
    others = replace(ACCESS, paths=[PathFacts(HOME, 0o700, 1001, False)])
    assert only(access(others)).found == "belongs to user 1001, you are 1000"
    assert only(access(replace(others, me=0))).outcome is Outcome.OK


def test_a_place_that_may_not_be_written_is_wrong_whether_or_not_the_folder_is_there() -> None:
    assert only(access(replace(ACCESS, exists=False, writable=False, paths=[]))).outcome is Outcome.WRONG
    assert only(access(replace(ACCESS, writable=False))).outcome is Outcome.WRONG


def test_nothing_left_over_is_ok() -> None:
    assert only(leftovers(CLEAN)).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("file", "outcome", "found"),
    [
        (PID_FILE, Outcome.WARNING, "names process 42, which has ended"),
        (replace(PID_FILE, pid=None), Outcome.WARNING, "names no process"),
        (replace(PID_FILE, alive=True, command="nginx"), Outcome.WRONG, "which is something else now: nginx"),
        (replace(PID_FILE, alive=True, blocks=False), Outcome.WARNING, "which is something else now: hidden"),
    ],
)
def test_a_pid_file_is_told_by_what_has_become_of_its_process(file: PidFileFacts, outcome: Outcome, found: str) -> None:
    finding = only(leftovers(replace(CLEAN, pid_files=[file])))
    assert (finding.outcome, found in finding.found) == (outcome, True)


def test_the_pid_file_of_a_process_of_the_world_is_as_it_should_be() -> None:
    own = replace(PID_FILE, alive=True, ours=True)
    assert only(leftovers(replace(CLEAN, supervised=True, pid_files=[own]))).outcome is Outcome.OK


def test_processes_without_a_supervisor_are_named_unless_a_command_is_at_work() -> None:
    left = replace(CLEAN, processes=[(number, "airflow") for number in range(1, 6)])
    finding = only(leftovers(left))
    assert finding.found.startswith("1 (airflow), 2 (airflow), 3 (airflow) and 2 more")
    assert only(leftovers(replace(left, locked=True))).subject == "world's lock"


def test_a_format_of_another_version_is_wrong() -> None:
    good = FormatFacts("PostgreSQL's data", Path("/s/PG_VERSION"), "18", "18")
    assert only(formats([good])).outcome is Outcome.OK
    finding = only(formats([replace(good, found="17")]))
    assert (finding.outcome, finding.found) == (Outcome.WRONG, "/s/PG_VERSION: 17, this version takes 18")
    assert list(formats([])) == []


@pytest.mark.parametrize(
    ("facts", "outcome", "why"),
    [
        (LOGS, Outcome.OK, ""),
        (replace(LOGS, size=3 * GIB), Outcome.WARNING, "for good"),
        (replace(LOGS, last_day=GIB, free=5 * GIB), Outcome.WARNING, "full within a week"),
    ],
)
def test_logs_are_told_where_they_are_large_or_grow_fast(facts: LogFacts, outcome: Outcome, why: str) -> None:
    finding = only(logs(facts))
    assert (finding.outcome, why in finding.why) == (outcome, True)
