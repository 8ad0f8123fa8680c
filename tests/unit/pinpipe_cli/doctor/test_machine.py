"""What of a machine is right, and what each thing is called that is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pinpipe_airflow.preflight.result import Finding, Outcome

from pinpipe_cli.doctor import machine
from pinpipe_cli.doctor.machine import (
    GIB,
    ClockFacts,
    DiskFacts,
    FilesFacts,
    JavaFacts,
    MemoryFacts,
    NameFacts,
    PythonFacts,
    java_major,
)

PYTHON = PythonFacts((3, 12, 3), "/c/.venv/bin/python", Path("/c/.venv"), Path("/c/.venv"))
JAVA = JavaFacts("", False, "/usr/bin/java", 'openjdk version "17.0.12" 2024-07-16')
MEMORY = MemoryFacts(16 * GIB, 8 * GIB, 4, world_is_up=False)
DISK = DiskFacts("the state folder", Path("/s"), 50 * GIB, 2 * GIB, 5 * GIB, "make room")
FILES = FilesFacts(1024, 1_048_576, is_root=False)


def only(found: object) -> Finding:
    (finding,) = list(found)
    return finding


def test_a_machine_as_it_should_be_is_ok() -> None:
    found = [
        only(machine.python(PYTHON)),
        only(machine.java(JAVA)),
        only(machine.memory(MEMORY)),
        only(machine.cores(MEMORY)),
        only(machine.disk([DISK])),
        only(machine.open_files(FILES)),
        only(machine.own_name(NameFacts("box", "127.0.1.1"))),
        only(machine.clock(ClockFacts(0.4))),
    ]
    assert {finding.outcome for finding in found} == {Outcome.OK}


def test_a_name_without_an_address_is_wrong_and_says_how_it_gets_one() -> None:
    finding = only(machine.own_name(NameFacts("box", None)))
    assert (finding.outcome, finding.found) == (Outcome.WRONG, "box has no address")
    assert "127.0.1.1 box" in finding.way_out


def test_another_python_is_wrong_and_another_environment_a_warning() -> None:
    wrong = only(machine.python(replace(PYTHON, version=(3, 13, 0))))
    assert (wrong.outcome, wrong.found) == (Outcome.WRONG, "3.13.0 at /c/.venv/bin/python")
    assert "make install" in wrong.way_out
    other = only(machine.python(replace(PYTHON, environment=Path("/elsewhere"))))
    assert (other.outcome, other.way_out) == (Outcome.WARNING, "run /c/.venv/bin/pinpipe")


@pytest.mark.parametrize(
    ("facts", "found", "way_out"),
    [
        (JavaFacts("/jdk", False, "/usr/bin/java", "?"), "JAVA_HOME=/jdk holds no bin/java", "unset JAVA_HOME"),
        (JavaFacts("", False, None, None), "there is none on PATH", "make install"),
        (JavaFacts("/jdk", True, None, 'version "17"'), "there is none on PATH, and one in JAVA_HOME=/jdk", "/jdk/bin"),
        (replace(JAVA, told='openjdk version "11.0.2"'), "/usr/bin/java is Java 11", "Java 17 or 21"),
        (replace(JAVA, told="java version: command not found"), "does not tell its version", "/usr/bin/java -version"),
        (JavaFacts("/jdk", True, "/usr/bin/java", 'version "25"'), "/jdk/bin/java is Java 25", "JAVA_HOME"),
    ],
)
def test_a_java_that_jobs_cannot_run_with_is_wrong(facts: JavaFacts, found: str, way_out: str) -> None:
    finding = only(machine.java(facts))
    assert finding.outcome is Outcome.WRONG
    assert found in finding.found
    assert way_out in finding.way_out


@pytest.mark.parametrize(
    ("told", "major"),
    [
        ('openjdk version "17.0.12" 2024-07-16', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('openjdk version "22-ea" 2024-03-19', 22),
        ('java version "1.8.0_392"', 8),
        ("no such thing", None),
        ('version ""', None),
    ],
)
def test_the_major_version_is_read_from_what_java_tells(told: str, major: int | None) -> None:
    assert java_major(told) == major


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (replace(MEMORY, total=3 * GIB), Outcome.WRONG),
        (replace(MEMORY, available=4 * GIB), Outcome.WARNING),
        (replace(MEMORY, total=5 * GIB, available=int(4.9 * GIB)), Outcome.WARNING),
        (replace(MEMORY, available=4 * GIB, world_is_up=True), Outcome.OK),
        (replace(MEMORY, available=1 * GIB, world_is_up=True), Outcome.WARNING),
        (replace(MEMORY, total=int(5.8 * GIB), available=int(5.5 * GIB)), Outcome.OK),
    ],
)
def test_memory_is_held_against_what_the_world_needs_or_what_it_still_needs(
    facts: MemoryFacts, outcome: Outcome
) -> None:
    assert only(machine.memory(facts)).outcome is outcome


def test_one_core_is_a_warning() -> None:
    assert only(machine.cores(replace(MEMORY, cores=1))).outcome is Outcome.WARNING


@pytest.mark.parametrize(("free", "outcome"), [(1, Outcome.WRONG), (3, Outcome.WARNING), (6, Outcome.OK)])
def test_disk_is_told_for_each_folder(free: int, outcome: Outcome) -> None:
    first, second = machine.disk([replace(DISK, free=free * GIB), DISK])
    assert (first.outcome, second.outcome) == (outcome, Outcome.OK)
    assert first.subject == "disk of the state folder"


def test_fewer_open_files_than_the_supervisor_wants_are_wrong_but_for_root() -> None:
    few = FilesFacts(1024, 2048, is_root=False)
    assert only(machine.open_files(few)).outcome is Outcome.WRONG
    assert only(machine.open_files(replace(few, is_root=True))).outcome is Outcome.OK
    assert only(machine.open_files(replace(few, hard=-1))).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("ahead_s", "outcome", "found"),
    [
        (90.0, Outcome.WARNING, "90 s ahead of S3's"),
        (-400.0, Outcome.WRONG, "400 s behind S3's"),
        (None, Outcome.NOT_CHECKED, "S3 does not answer"),
    ],
)
def test_a_clock_that_is_off_is_told(ahead_s: float | None, outcome: Outcome, found: str) -> None:
    finding = only(machine.clock(ClockFacts(ahead_s, "S3 does not answer")))
    assert (finding.outcome, finding.found) == (outcome, found)
