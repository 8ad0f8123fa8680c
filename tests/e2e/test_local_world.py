"""The local world itself: quick to ask, revived when something dies, loopback only, known to its user."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psutil
import pytest
import requests

from tests.e2e.conftest import ROOT, World
from tests.e2e.kafka_log import read_log

pytestmark = pytest.mark.e2e


def test_status_tells_how_every_service_and_dag_is(world: World) -> None:
    found = json.loads(world.pinpipe("status", "--json").stdout)
    assert len(found["services"]) == 11
    assert all(state["healthy"] for state in found["services"].values()), found["services"]
    assert set(found["dags"]) == {file.stem for file in (ROOT / "dags").glob("*.py")}
    assert (found["healthy"], found["import_errors"], found["unknown"], found["alerts"]) == (True, [], {}, [])


def test_status_as_prometheus_text_has_a_sample_of_every_service(world: World) -> None:
    samples = world.pinpipe("status", "--prometheus").stdout.splitlines()
    assert sum(sample.startswith("pinpipe_service_up{") and sample.endswith(" 1") for sample in samples) == 11
    assert "pinpipe_healthy 1" in samples


@pytest.mark.parametrize("service", ["kafka_rest", "gateway", "connect", "databricks"])
def test_a_killed_service_comes_back(
    world: World, service: str, wait_until: Callable[[Callable[[], bool], float], None]
) -> None:
    from local import world as local_world

    killed = local_world.status()[service]["pid"]
    os.kill(killed, signal.SIGKILL)

    def revived() -> bool:
        state = local_world.status()[service]
        return bool(state["healthy"]) and state["pid"] != killed

    wait_until(revived, 60)


def test_every_listener_is_on_loopback(world: World) -> None:
    from local import world as local_world

    pids = {process.pid for process in local_world._processes_of_this_world()}
    listening = {
        connection.laddr.ip
        for connection in psutil.net_connections(kind="inet")
        if connection.pid in pids and connection.status == psutil.CONN_LISTEN
    }
    assert listening
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_the_printed_login_opens_airflow(world: World) -> None:
    answer = requests.post(
        f"{world.api.url}/auth/token", json={"username": world.api.user, "password": world.api.password}, timeout=10
    )
    assert answer.status_code == 201
    wrong = requests.post(
        f"{world.api.url}/auth/token", json={"username": world.api.user, "password": "wrong"}, timeout=10
    )
    assert wrong.status_code == 401


def test_secrets_are_readable_by_their_owner_only(world: World) -> None:
    from local import secret_store

    assert stat.S_IMODE(secret_store.secret_file().stat().st_mode) == 0o600
    assert stat.S_IMODE((ROOT / ".pinpipe-test" / "supervisor" / "supervisord.conf").stat().st_mode) == 0o600


def test_a_second_up_changes_nothing_and_is_quick(world: World) -> None:
    from local import world as local_world

    before = {name: state["pid"] for name, state in local_world.status().items()}
    began = time.monotonic()
    world.pinpipe("up")
    assert time.monotonic() - began < 60
    assert {name: state["pid"] for name, state in local_world.status().items()} == before


def test_a_taken_port_is_named_and_nothing_is_left_running(world: World, tmp_path: object) -> None:
    environment = {**os.environ, "PINPIPE_HOME": f"{tmp_path}/home"}  # the same ports: all taken by the running world
    refused = subprocess.run(
        [ROOT / ".venv" / "bin" / "pinpipe", "up"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert refused.returncode == 1
    assert "is taken by" in refused.stderr
    assert "PINPIPE_PORT_OFFSET" in refused.stderr
    left = [process.info for process in psutil.process_iter(["cmdline"])]
    assert not [info for info in left if f"{tmp_path}/home" in str(info["cmdline"])]


def test_down_leaves_nothing_running_and_up_brings_everything_back(
    world: World, provisioned: dict[str, Any], source_posts: int
) -> None:
    from local import ports
    from local import world as local_world

    world.run("emulate_batch", {"posts": 25, "seed": 1, "day": "2023-05-05"})
    before = _what_the_world_holds(world)

    world.pinpipe("down")
    assert list(local_world._processes_of_this_world()) == []
    for service in ports.services():
        with socket.socket() as probe:
            assert probe.connect_ex((ports.HOST, ports.port(service))) != 0, f"{service} still listens"
    assert world.pinpipe("status", check=False).returncode == 1

    world.pinpipe("up")
    assert _what_the_world_holds(world) == before


def _what_the_world_holds(world: World) -> dict[str, Any]:
    """Return the runs, log, API and objects that a restart must keep; raw objects may still be on their way."""
    from local import ports

    records = Counter(record.topic for record in read_log(f"{ports.HOST}:{ports.port('kafka')}"))
    (api,) = world.aws("apigateway").get_rest_apis()["items"]
    receipt = world.receipt("receipts/provision/latest.json")
    runs = {run["dag_run_id"] for run in world.api.runs("emulate_batch")}
    return {"runs": runs, "records": records, "api": api["id"], "provisioned": receipt["run_id"]}
