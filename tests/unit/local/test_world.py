"""What stands in the way of a start is said all at once, before anything is started."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import ports, secret_store, world
from local.process_environment import airflow_environment

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PINPIPE_PORT_OFFSET", "5200")
    return tmp_path / "state"


def test_every_taken_port_is_named_with_its_owner_and_the_way_out() -> None:
    with socket.socket() as first, socket.socket() as second:
        for taken, service in ((first, "airflow"), (second, "kafka")):
            taken.bind((ports.HOST, ports.port(service)))
            taken.listen()
        with pytest.raises(world.WorldError) as refused:
            world._check_machine()
    message = str(refused.value)
    for service in ("airflow", "kafka"):
        assert f"port {ports.port(service)} ({service}) is taken by" in message
    assert "pid" in message
    assert "PINPIPE_PORT_OFFSET" in message


def test_too_little_disk_is_said_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 300 * 1024**2))
    with pytest.raises(world.WorldError, match=r"0\.3 GiB free, at least 2 are needed.*PINPIPE_HOME"):
        world._check_machine()


def test_a_missing_java_is_said_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(world.WorldError, match="there is no Java: run `make install`"):
        world._check_machine()


def test_a_world_that_never_ran_is_down_in_every_part() -> None:
    states = world.status()
    assert set(states) == set(world.SERVICES)
    assert not any(state["healthy"] for state in states.values())


def test_who_wants_to_log_in_needs_a_world(state: Path) -> None:
    with pytest.raises(world.WorldError, match=r"there is no world in .*/state yet: `pinpipe up` makes it"):
        world.login()
    assert not state.exists(), "asking has made one"


def test_airflows_command_needs_a_world() -> None:
    with pytest.raises(world.WorldError, match=r"there is no world in .*/state yet: `pinpipe up` makes it"):
        world.run_airflow(["dags", "list"])


def test_two_commands_do_not_start_or_stop_one_world_at_once() -> None:
    with world._one_at_a_time(), pytest.raises(world.WorldError, match="another command is starting or stopping"):
        world.down(print)


def test_a_world_that_runs_with_another_source_database_is_not_taken_for_the_one_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PINPIPE_SOURCE_URL", raising=False)
    secrets = secret_store.load()
    # What says something runs its program: before, its environment is not there yet.
    program = ["sh", "-c", "echo begun; exec sleep 60"]
    with subprocess.Popen(program, env=airflow_environment(secrets), stdout=subprocess.PIPE) as running:
        assert running.stdout.readline() == b"begun\n"
        supervisor = SimpleNamespace(pid=lambda: running.pid)
        try:
            world._check_source(supervisor, secrets)
            monkeypatch.setenv("PINPIPE_SOURCE_URL", "mysql://reader:sesame@db.example/pins")
            with pytest.raises(world.WorldError, match="another source database than PINPIPE_SOURCE_URL") as refused:
                world._check_source(supervisor, secrets)
        finally:
            running.kill()
    assert "sesame" not in str(refused.value)
