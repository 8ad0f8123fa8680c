"""The streaming job of the running world as its users have it, and what may happen to it."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import requests

from tests.e2e.comparison import delta_table
from tests.e2e.conftest import World
from tests.e2e.databricks_jobs import ask

JOB = "pinpipe-clean_stream"
BUCKET = "pinpipe-local"
COUNTRY = "Testland of the supervisor"


class SupervisedStream:
    """The stream, with the posts that tests have put into it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.posted = 0

    def post(self, count: int) -> None:
        """Put posts' places into their stream; no two are the same."""
        rows = [
            {"ind": number, "timestamp": "2020-01-01T00:00:00", "latitude": 1.5, "longitude": 2.5, "country": COUNTRY}
            for number in range(self.posted, self.posted + count)
        ]
        records = [{"Data": json.dumps(row).encode(), "PartitionKey": f"geo-{row['ind']}"} for row in rows]
        answer = self.world.aws("kinesis").put_records(StreamName="pinpipe-geo", Records=records)
        assert answer["FailedRecordCount"] == 0
        self.posted += count

    def places(self) -> Counter[int]:
        """How often each posted place is in the speed layer."""
        table = delta_table("geo", "speed").to_pyarrow_table(filters=[("country", "=", COUNTRY)])
        return Counter(table["ind"].to_pylist())

    def has_all(self) -> bool:
        return len(self.places()) == self.posted

    def has_each_once(self) -> bool:
        return self.places() == Counter(range(self.posted))

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.world.pinpipe("stream", "status", "--json", check=False).stdout)
        return found

    def supervise(self) -> dict[str, Any]:
        """Run the supervisor and return what it saw and did."""
        run_id = self.world.run("stream_supervisor", {})["supervise"]["run_id"]
        done: dict[str, Any] = self.world.api.xcom("stream_supervisor", run_id, "supervise")
        return done

    def last_effect(self) -> dict[str, Any]:
        """What a supervisor did last, this test's or one that came with the schedule."""
        return dict(self.world.receipt("receipts/stream_supervisor/latest.json")["last_effect"])

    @contextmanager
    def unsupervised(self) -> Iterator[None]:
        """Keep scheduled supervisors from putting right what is made wrong."""
        self.world.api.call("PATCH", "dags/stream_supervisor", json={"is_paused": True})
        try:
            yield
        finally:
            self.world.api.call("PATCH", "dags/stream_supervisor", json={"is_paused": False})

    def processes(self) -> dict[str, psutil.Process]:
        """The driver and the JVM of the job's run."""
        found = {}
        for process in psutil.process_iter(["cmdline", "name"]):
            try:
                if "clean_stream" in (process.info["cmdline"] or ()) and _is_of_world(process):
                    found["driver"] = process
                    (found["jvm"],) = [child for child in process.children() if child.name() == "java"]
            except psutil.Error:
                continue
        return found

    def job(self) -> dict[str, Any]:
        (job,) = ask(self.world, "list", name=JOB, expand_tasks="true")["jobs"]
        return dict(job)

    def runs(self, *, after: int = 0) -> list[dict[str, Any]]:
        """Runs of the job that were begun after another, newest first."""
        runs = ask(self.world, "runs/list", job_id=self.job()["job_id"]).get("runs", [])
        return [run for run in runs if run["run_id"] > after]

    def pretend_to_be_older(self) -> None:
        """Have the workspace as an older deployment left it: the next run is of another version."""
        job = self.job()
        parameters = [
            {**parameter, "default": "older"} if parameter["name"] == "version" else parameter
            for parameter in job["settings"]["parameters"]
        ]
        # A present run that read of the version would make way for it.
        self.world.aws("s3").delete_object(Bucket=BUCKET, Key="control/stream_version.json")
        body = {"job_id": job["job_id"], "new_settings": {"parameters": parameters}}
        self._databricks("POST", "2.2/jobs/update", json=body)

    @contextmanager
    def without_wheel(self) -> Iterator[None]:
        """Take the wheel away that the job's runs install: each fails at its start."""
        (library,) = self.job()["settings"]["tasks"][0]["libraries"]
        file = f"2.0/fs/files{library['whl']}"
        wheel = self._databricks("GET", file).content
        self._databricks("DELETE", file)
        try:
            yield
        finally:
            self._databricks("PUT", f"{file}?overwrite=true", data=wheel)

    def _databricks(self, method: str, path: str, **given: Any) -> requests.Response:
        from local import ports

        headers = {"Authorization": f"Bearer {self.world.secrets['databricks_token']}"}
        answer = requests.request(method, f"{ports.url('databricks')}/api/{path}", headers=headers, timeout=30, **given)
        answer.raise_for_status()
        return answer


class SupervisorsBesideAirflow:
    """Supervisors of the world's stream in the test's own process, so that they can meet, and be killed half-way.

    :param declared: the definition that they want deployed.
    """

    def __init__(self, world: World, declared: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        from pinpipe_airflow.operators import streaming_job

        from local.process_environment import airflow_environment

        for name, value in airflow_environment(world.secrets).items():
            if name.startswith("AIRFLOW_CONN_"):
                monkeypatch.setenv(name, value)
        monkeypatch.setattr(streaming_job, "job_definition", lambda *_: declared)

    def supervise(self, run_id: str, **limits: float) -> str:
        """Look and act once, and return the action."""
        from pinpipe_airflow.operators.streaming_job import EnsureStreamingJobOperator

        from include.settings import settings

        operator = EnsureStreamingJobOperator(
            task_id="supervise",
            definition="clean_stream",
            bucket=BUCKET,
            streams=list(settings().streams.values()),
            region_name=settings().region,
            deferrable=False,
            **limits,
        )
        ti = SimpleNamespace(dag_id="e2e", run_id=run_id, task_id="supervise", xcom_push=lambda **_: None)
        return str(operator.execute({"ti": ti})["action"])

    def kill_one_after(self, hook: type, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have a supervisor killed in a process of its own, right after it has called a hook's method."""
        from pinpipe_airflow.hooks import stream_control

        original = getattr(hook, method)

        def last(*arguments: Any, **given: Any) -> None:
            original(*arguments, **given)
            os.kill(os.getpid(), signal.SIGKILL)

        child = os.fork()
        if not child:
            try:
                stream_control.CLAIM_LASTS /= 20  # nobody has to wait for long until it has run out
                monkeypatch.setattr(hook, method, last)
                self.supervise("killed")
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL


def _is_of_world(process: psutil.Process) -> bool:
    return process.environ().get("PINPIPE_HOME") == os.environ["PINPIPE_HOME"]
