"""Facts gathered from the real thing: sockets, processes, files, locks."""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from local import ports
from local.home import ROOT
from pinpipe_cli.doctor import look_checkout, look_machine, machine
from pinpipe_cli.doctor.checkup import Check, run_checks
from pinpipe_cli.doctor.listening import ports as judge_ports
from pinpipe_cli.doctor.machine import NameFacts
from pinpipe_cli.doctor.state import access as judge_access
from pinpipe_cli.doctor.state import leftovers as judge_leftovers


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("PINPIPE_HOME", str(folder))
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", "14200")
    return folder


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    return process.pid


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of no world that waits for its end."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        yield process


def test_a_port_that_a_real_socket_holds_is_told_with_this_process() -> None:
    with socket.socket() as taken:
        taken.bind((ports.HOST, ports.port("airflow")))
        taken.listen()
        facts = look_machine.listening(supervised=False)
    (held,) = [port for port in facts.ports if port.listener]
    assert (held.service, held.listener and held.listener.pid) == ("airflow", os.getpid())
    (wrong,) = [finding for finding in judge_ports(facts) if finding.way_out]
    assert wrong.subject == f"port {ports.port('airflow')}"
    assert f"taken by pid {os.getpid()}: " in wrong.found
    assert f"PINPIPE_PORT_OFFSET={facts.free_offset}" in wrong.way_out


def test_a_pid_file_of_a_process_that_has_ended_is_stale(state: Path, ended: int) -> None:
    (state / "supervisor").mkdir()
    (state / "supervisor" / "supervisord.pid").write_text(f"{ended}\n")
    facts = look_checkout.leftovers(supervised=False)
    (finding,) = judge_leftovers(facts)
    assert f"names process {ended}, which has ended" in finding.found


def test_a_pid_file_of_a_process_of_somebody_else_names_it(state: Path, sleeper: subprocess.Popen[bytes]) -> None:
    file = state / "postmaster.pid"
    file.write_text(f"{sleeper.pid}\n/data\n")
    found = look_checkout.pid_file(file, "PostgreSQL", blocks=True)
    assert found is not None
    assert (found.alive, found.ours) == (True, False)
    assert "sys.stdin.read()" in found.command


def test_a_file_that_names_no_process_and_one_that_is_not_there(state: Path) -> None:
    (state / "x.pid").write_text("nonsense\n")
    found = look_checkout.pid_file(state / "x.pid", "x")
    assert found is not None
    assert found.pid is None
    assert look_checkout.pid_file(state / "none.pid", "x") is None


def test_a_process_of_this_world_without_a_supervisor_is_found(state: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PINPIPE_WORLD": str(state)},
    ) as process:
        assert process.stdout
        process.stdout.readline()  # only now it is the program that it is to be
        assert process.pid in [pid for pid, _ in look_checkout.leftovers(supervised=False).processes]
        assert look_checkout.leftovers(supervised=True).processes == []


def test_a_lock_that_is_held_is_told_from_one_that_lies_there(state: Path) -> None:
    lock = Path(f"{state}.lock")
    assert not look_checkout.is_locked(lock)
    with lock.open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert look_checkout.leftovers(supervised=False).locked
    assert not look_checkout.is_locked(lock)


def test_the_modes_of_the_state_folder_and_its_secrets_are_read(state: Path) -> None:
    (state / "secrets.json").write_text("{}")
    (state / "secrets.json").chmod(0o644)
    state.chmod(0o755)
    subjects = {finding.subject: finding.outcome for finding in judge_access(look_checkout.access())}
    assert subjects == {str(state): "warning", str(state / "secrets.json"): "wrong"}


def test_formats_of_other_versions_are_read(state: Path) -> None:
    (state / "databricks").mkdir()
    with sqlite3.connect(state / "databricks" / "jobs.sqlite") as database:
        database.execute("PRAGMA user_version=99")
    (state / "kafka" / "data").mkdir(parents=True)
    (state / "kafka" / "data" / "meta.properties").write_text("#\nversion=0\nnode.id=1\n")
    (state / "secrets.json").write_text("{half")
    found = {one.what: one.found for one in look_checkout.formats()}
    assert found == {"jobs": "99", "Kafka's log": "0", "secrets": "broken JSON"}


def test_logs_are_added_up_and_those_of_the_last_day_apart(state: Path) -> None:
    for name, age_s in (("logs/new.log", 0), ("airflow/logs/dag_id=x/old.log", 3 * 86_400)):
        file = state / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 1000)
        then = file.stat().st_mtime - age_s
        os.utime(file, (then, then))
    found = look_checkout.logs()
    assert (found.size, found.last_day) == (2000, 1000)


def test_a_lock_of_packages_is_read_with_its_markers(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text(
        "# made by uv\nZope.Interface==1.0 \\\n    --hash=sha256:ab\n    # via x\n"
        "colorama==2.0 ; sys_platform == 'win32' \\\n    --hash=sha256:cd\n-r other.txt\n"
    )
    assert look_checkout.locked(lock) == {"zope-interface": "1.0"}


def test_the_projects_own_locks_are_read_whole() -> None:
    names = look_checkout.locked(ROOT / "locks" / "airflow.lock")
    assert names["apache-airflow"] == "3.3.1"
    assert len(names) > 150


def test_java_is_asked_for_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "jdk" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(
        "#!/bin/sh\necho 'Picked up JAVA_TOOL_OPTIONS: -Dx' >&2\necho 'openjdk version \"11.0.2\"' >&2\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (finding,) = machine.java(look_machine.java())
    assert finding.found == f"{program} is Java 11"


def test_the_machines_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "localhost")
    assert look_machine.own_name().address in ("127.0.0.1", "::1")
    monkeypatch.setattr("socket.gethostname", lambda: "no-such-machine.invalid")
    assert look_machine.own_name() == NameFacts("no-such-machine.invalid", None)


def test_the_clock_is_held_against_the_date_that_s3_answers_with() -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(403)
            self.send_header("Date", "Sun, 01 Mar 2026 00:00:00 GMT")
            self.end_headers()

    assert look_machine.clock().ahead_s is None
    server = ThreadingHTTPServer((ports.HOST, ports.port("ministack")), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        ahead_s = look_machine.clock().ahead_s
    finally:
        server.shutdown()
        server.server_close()
    assert ahead_s is not None
    assert abs(ahead_s) > machine.SKEW_WRONG_S


def test_a_container_has_the_memory_that_it_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_machine, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1073741824\n")
    (tmp_path / "memory.current").write_text("73741824\n")
    limited = look_machine.memory(world_is_up=False)
    assert (limited.total, limited.available) == (1073741824, 1_000_000_000)
    (tmp_path / "memory.max").write_text("max\n")
    assert look_machine.memory(world_is_up=False).total > 1073741824


def test_a_typo_in_a_setting_and_its_fault_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_SETTLE_MINUTES", "a lot")
    found = look_machine.variables()
    assert "PINPIPE_SETTLE_MINUTES='a lot'" in found.fault
    assert {"PINPIPE_HOME", "PINPIPE_SETTLE_MINUTES", "PINPIPE_WORLD", "PINPIPE_DEBUG"} <= found.known


def test_a_check_that_crashes_is_a_finding_and_the_others_go_on() -> None:
    def crash(*_: object) -> list[object]:
        raise ZeroDivisionError("by nought")

    def lacks() -> None:
        raise ModuleNotFoundError("No module named 'boto3'")

    told: list[str] = []
    found = run_checks(
        [Check("a", crash, [machine.python]), Check("b", lacks, []), Check("c", lambda: 1, [crash, lambda _: []])],
        told.append,
    )
    assert [(one.subject, one.outcome) for one in found] == [(name, "not checked") for name in "abc"]
    assert found[0].found == "the check itself failed: ZeroDivisionError: by nought"
    assert "make install" in found[1].way_out
    assert told == ["a", "b", "c"]
