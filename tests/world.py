"""A running world for tests: its own state folder and ports, so a user's world is never touched.

A pytest plugin: the end-to-end tests and those of faults take it into use, and share one world.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from pinpipe_cli.airflow_api import AirflowApi

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    "PINPIPE_HOME": str(ROOT / ".pinpipe-test"),
    "PINPIPE_PORT_OFFSET": os.environ.get("PINPIPE_PORT_OFFSET", "1000"),
    # A stream beside them would slow other tests down; those of the stream express another wish.
    "PINPIPE_STREAM_WISH": "stopped",
    # Raw objects of every day that tests replay stay, but those of one that lies far back.
    "PINPIPE_RAW_RETENTION_DAYS": "5000",
    # Some days hold little but bad records, which is what they are for.
    "PINPIPE_QUARANTINED_ROWS_ALLOWED": "300",
    # The connection is made by the tests of alerts; until then there is one more line in a log.
    "PINPIPE_ALERTS": "log, webhook:pinpipe_alerts",
}
GENERATED_POSTS = 1_200


@dataclass(frozen=True)
class World:
    """The running world, as its users have it: the command, Airflow's API, S3, and its secrets."""

    api: AirflowApi
    secrets: dict[str, str] = field(repr=False)

    def pinpipe(self, *arguments: str, check: bool = True, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run the command line and return what it printed."""
        done = subprocess.run(
            [ROOT / ".venv" / "bin" / "pinpipe", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            raise AssertionError(f"pinpipe {' '.join(arguments)} exited {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def aws(self, service: str) -> Any:
        # A session of its own: the default one keeps the credentials of whichever test asked first.
        return boto3.Session().client(service)

    def produce(self, topic: str, body: bytes, **headers: str) -> requests.Response:
        """Post ``body`` to a topic through the API that the DAG deployed.

        :param headers: in place of, or beside, content type and API key; an empty one is left out.
        """
        sent = {
            "content-type": "application/vnd.kafka.json.v2+json",
            "x-api-key": self.secrets["api_key"],
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return requests.post(
            f"{self.stage_url()}/topics/{topic}",
            data=body,
            headers={name: value for name, value in sent.items() if value},
            timeout=40,
        )

    def put(self, stream: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Put a record, or records, into a stream through the API and return its answer."""
        answer = requests.put(
            f"{self.stage_url()}/streams/{stream}/{path}",
            json=body,
            headers={"x-api-key": self.secrets["api_key"]},
            timeout=40,
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def stage_url(self) -> str:
        """Return the address of the API that the DAG deployed, found as any client of AWS would find it."""
        from local import ports

        (api,) = [api for api in self.aws("apigateway").get_rest_apis()["items"] if api["name"] == "pinpipe"]
        return f"{ports.url('gateway')}/{api['id']}/prod"

    @property
    def bootstrap(self) -> str:
        """Address of the broker."""
        from local import ports

        return f"{ports.HOST}:{ports.port('kafka')}"

    def receipt(self, key: str) -> dict[str, Any]:
        """Return a receipt from the bucket."""
        return json.loads(self.aws("s3").get_object(Bucket="pinpipe-local", Key=key)["Body"].read())

    def run(self, dag_id: str, conf: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Run a DAG through Airflow's REST API and return its task instances, each of which must have succeeded."""
        from pinpipe_cli.runs import run_dag

        run_id = run_dag(self.api, dag_id, conf, print, timeout_s=600)
        return self.tasks(dag_id, run_id)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        return {task["task_id"]: {**task, "run_id": run_id} for task in self.api.tasks(dag_id, run_id)}


@contextmanager
def running_world(environment: Mapping[str, str]) -> Iterator[World]:
    """Make a world from nothing and stop it in the end; meanwhile this process, and what it starts, is of that world.

    :param environment: where its state and ports are, and the settings that it has.
    """
    from local import secret_store, world
    from local.process_environment import aws_environment

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        for name, value in aws_environment().items():
            patch.setenv(name, value)
        world.reset(print)
        world.up(print)
        try:
            yield World(AirflowApi(*world.login()), secret_store.load())
        finally:
            world.down(print)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with running_world(ENVIRONMENT) as running:
        yield running


@pytest.fixture(scope="session")
def provisioned(world: World) -> dict[str, dict[str, Any]]:
    """The task instances of the first run of `provision`."""
    tasks = world.run("provision", {})
    pause_analytics(world, True)  # each day that a test cleans would be followed by a run that takes as long
    return tasks


@pytest.fixture(scope="session")
def source_posts(world: World) -> int:
    """Fill the source database; return how many posts it holds.

    Real posts where ``PINPIPE_REAL_POSTS`` names their folder, generated ones where it is not set.
    """
    folder = os.environ.get("PINPIPE_REAL_POSTS")
    if folder is None:
        world.pinpipe("source", "generate", "--posts", str(GENERATED_POSTS), "--seed", "7")
        return GENERATED_POSTS
    files = [Path(folder) / name for name in ("pinterest_data.jsonl", "geolocation_data.csv", "user_data.csv")]
    missing = [str(file) for file in files if not file.is_file()]
    assert not missing, f"PINPIPE_REAL_POSTS={folder} lacks {missing}"
    pin, geo, user = map(str, files)
    world.pinpipe("source", "load", "--pin", pin, "--geo", geo, "--user", user)
    return sum(1 for line in files[0].open(encoding="utf-8") if line.strip())


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], bool], float], None]:
    return _wait_until


def _wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.5)


def pause_analytics(world: World, paused: bool) -> None:
    world.api.call("PATCH", "dags/analytics", json={"is_paused": paused})


@contextmanager
def analytics_unpaused(world: World) -> Iterator[None]:
    """Let `analytics` run meanwhile, by hand and after each cleaned day."""
    pause_analytics(world, False)
    try:
        yield
    finally:
        # A run of a paused DAG would never end.
        _wait_until(lambda: not world.api.runs("analytics", state=["queued", "running"]), 400)
        pause_analytics(world, True)
