"""Provisioning: `provision` makes anew what was taken away."""

from __future__ import annotations

import time
from typing import Any

import requests

from include.settings import settings
from local import ports
from local.process_environment import CONNECT_USER
from tests.e2e.databricks_jobs import ask
from tests.e2e.kafka_log import end_offsets
from tests.faults.activities.activity import Activity
from tests.world import World

_TIMEOUT_S = 30
# The task that speaks to the victim.
_TASK_OF = {
    "broker": "topics",
    "sink": "sink_connector",
    "gateway": "rest_api",
    "ministack": "rest_api",
    "postgres": "rest_api",
}
_SERVES_WITHIN_S = 60.0


class Provisioning(Activity):
    """A run of `provision`, with the API, the connectors and a job taken away before."""

    dag_id = "provision"
    job = "create_tables"
    asks_for_job = True

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._asked_at_ms = 0

    def begin(self) -> None:
        """Take away what is quickly made, and provision."""
        self._ends = end_offsets(self.world.bootstrap)
        self._take_away()
        self.again()

    def again(self) -> None:
        """Provision."""
        self._asked_at_ms = int(time.time() * 1000)
        self.run_id = self.world.api.trigger(self.dag_id, {})

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether the task is at work that speaks to the victim, or the job that makes the tables."""
        if victim in _TASK_OF:
            return bool(self.world.tasks(self.dag_id, self.run_id)[_TASK_OF[victim]]["state"] == "running")
        return (
            bool(self.task_runs_at_work()) and self.task_instance()["state"] == "deferred" and self._has_begun_to_log()
        )

    def task_at_work(self) -> str:
        """Return the task that runs a job."""
        return "tables"

    def is_part(self, run: dict[str, Any]) -> bool:
        """Return whether a run of the job was asked for since."""
        return bool(run["start_time"] >= self._asked_at_ms)

    def judge(self) -> None:
        """See that everything is there, once, that it works, that no record is gone, and nothing is left to be done."""
        self.see_that_job_was_asked_for_again()
        receipt = self.world.run(self.dag_id, {})["receipt"]
        assert self.world.api.xcom(self.dag_id, receipt["run_id"], "receipt") == []
        assert end_offsets(self.world.bootstrap) == self._ends
        apis = [api["name"] for api in self.world.aws("apigateway").get_rest_apis()["items"]]
        assert apis.count(settings().pipeline_id) == 1
        jobs = [job["settings"]["name"] for job in ask(self.world, "list", limit=100)["jobs"]]
        assert len(jobs) == len(set(jobs)) == 4
        for connector in (settings().sink_connector, settings().dead_letter_connector):
            status = self._connect("GET", f"{connector}/status").json()
            assert {task["state"] for task in status["tasks"]} == {"RUNNING"}, status
        self._see_that_the_api_serves()
        print(
            f"4 jobs, 2 connectors, 1 API, {sum(self._ends.values())} records as before; a second run changes nothing"
        )

    def _take_away(self) -> None:
        for connector in (settings().sink_connector, settings().dead_letter_connector):
            self._connect("DELETE", connector)
        gateway = self.world.aws("apigateway")
        for api in gateway.get_rest_apis()["items"]:
            gateway.delete_rest_api(restApiId=api["id"])
        if (job := self.job_id()) is not None:
            answer = requests.post(
                f"{ports.url('databricks')}/api/2.2/jobs/delete",
                json={"job_id": job},
                headers={"Authorization": f"Bearer {self.world.secrets['databricks_token']}"},
                timeout=_TIMEOUT_S,
            )
            answer.raise_for_status()

    def _connect(self, method: str, path: str) -> requests.Response:
        login = (CONNECT_USER, self.world.secrets["connect_password"])
        return requests.request(method, f"{ports.url('connect')}/connectors/{path}", auth=login, timeout=_TIMEOUT_S)

    def _see_that_the_api_serves(self) -> None:
        deadline = time.monotonic() + _SERVES_WITHIN_S
        key = {"x-api-key": self.world.secrets["api_key"]}
        while (
            answer := requests.get(f"{self.world.stage_url()}/topics", headers=key, timeout=_TIMEOUT_S)
        ).status_code != 200:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.5)
        assert set(settings().topics.values()) <= set(answer.json())

    def _has_begun_to_log(self) -> bool:
        return any(task.get("start_time") for run in self.job_runs() for task in run["tasks"])
