"""Airflow's REST API, as far as the command line uses it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

_PAGE = 100  # Airflow gives no more at once unless it is configured to
_OUTAGE_S = 300  # so long may Airflow be away, as while it is started anew, before it is given up
_ASKED_AGAIN_AFTER_S = 1.5
# On a busy machine an answer takes longer now and then. Only what changes nothing is sent again.
_PATIENCE = Retry(total=2, connect=0, read=2, redirect=0, status=0, allowed_methods={"GET"}, backoff_factor=1)


class AirflowApiError(RuntimeError):
    """Airflow refused or did not answer; the message holds its own words.

    :param status: HTTP status of a refusal.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def away(self) -> bool:
        """Whether Airflow did not answer, or could not: asked later, it may."""
        return self.status is None or self.status >= 500


class Airflow(ABC):
    """What is asked of Airflow and told to it, whatever carries it there."""

    url: str  # Airflow's address, for links to its pages

    @abstractmethod
    def call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Send one request to Airflow's REST API and return its answer.

        :param path: below ``/api/v2/``.
        :param arguments: ``params`` of the query, and ``json``, the body.
        :raises AirflowApiError: on a refusal, or when Airflow does not answer.
        """

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run of ``dag_id`` now and return its run id."""
        run = self.call("POST", f"dags/{dag_id}/dagRuns", json={"conf": conf, "logical_date": None})
        return str(run["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}")

    def runs(self, dag_id: str, **filters: Any) -> list[dict[str, Any]]:
        """Return the runs of a DAG that fit Airflow's own filters, oldest first."""
        runs: list[dict[str, Any]] = []
        while True:
            page = {"limit": _PAGE, "offset": len(runs), "order_by": "run_after", **filters}
            found = self.call("GET", f"dags/{dag_id}/dagRuns", params=page)["dag_runs"]
            runs += found
            if len(found) < _PAGE:
                return runs

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run."""
        answer = self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 1000})
        return list(answer["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return a task's XCom value."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.call("GET", path, params={"deserialize": "true"})["value"]

    def log(self, dag_id: str, run_id: str, task: dict[str, Any]) -> list[str]:
        """Return the lines of a task instance's newest log, errors with their traceback's last words."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}/logs/{max(1, task['try_number'])}"
        content = self.call("GET", path, params={"map_index": task["map_index"], "full_content": "true"})["content"]
        lines = []
        for entry in content if isinstance(content, list) else str(content).splitlines():
            if not isinstance(entry, dict):
                lines.append(str(entry))
                continue
            lines.append(str(entry.get("event", "")))
            lines += [f"{error.get('exc_type')}: {error.get('exc_value')}" for error in entry.get("error_detail") or []]
        return lines

    def dags(self) -> list[dict[str, Any]]:
        """Return all DAGs that Airflow has read, by id."""
        return list(self.call("GET", "dags", params={"limit": 1000, "order_by": "dag_id"})["dags"])

    def last_run(self, dag_id: str) -> dict[str, Any] | None:
        """Return the run of a DAG that was to begin last, ``None`` where there is none."""
        answer = self.call("GET", f"dags/{dag_id}/dagRuns", params={"limit": 1, "order_by": "-run_after"})
        return dict(answer["dag_runs"][0]) if answer["dag_runs"] else None

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the DAG files that cannot be read, each with its stack trace."""
        return list(self.call("GET", "importErrors", params={"limit": 100})["import_errors"])

    def wait_for_dag(self, dag_id: str, timeout_s: float = 120) -> None:
        """Wait until Airflow has read the DAG.

        :raises AirflowApiError: with the DAG folder's import errors, or the known ids, when it has not; when the DAG is
            paused, so that no run of it would begin.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                dag = self.call("GET", f"dags/{dag_id}")
            except AirflowApiError as error:
                broken = self.import_errors()
                if broken:
                    reasons = "\n".join(f"{found['filename']}:\n{found['stack_trace']}" for found in broken)
                    raise AirflowApiError(f"DAGs do not load:\n{reasons}") from error
                known = [dag["dag_id"] for dag in self.call("GET", "dags")["dags"]]
                if time.monotonic() > deadline or (known and dag_id not in known and len(known) > 3):
                    raise AirflowApiError(
                        f"there is no DAG {dag_id!r}; there are {', '.join(sorted(known))}"
                    ) from error
                time.sleep(1)
            else:
                if dag.get("is_paused"):
                    raise AirflowApiError(f"{dag_id} is paused: unpause it at {self.url}/dags/{dag_id}")
                return


@dataclass
class AirflowApi(Airflow):
    """Airflow over HTTP: logs in with a user's password and sends JSON.

    :param url: Airflow's address, e.g. ``http://127.0.0.1:8080``.
    :param user: user name.
    :param password: the user's password.
    :param timeout_s: how long it waits for an answer, in seconds.
    :param patient: whether a question is asked again where no answer came.
    """

    url: str
    user: str
    password: str = field(repr=False)
    timeout_s: float = 30
    patient: bool = True

    def __post_init__(self) -> None:
        self._session = requests.Session()
        # Nothing between the command line and loopback: no proxy, no netrc.
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(max_retries=_PATIENCE if self.patient else 0))

    def call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Send one request to ``/api/v2/<path>``; logs in where there is no valid token yet.

        :raises AirflowApiError: on a refusal, or when Airflow does not answer: within ``timeout_s``, three times that
            where it is patient.
        """
        try:
            if "Authorization" not in self._session.headers:
                self._log_in()
            answer = self._session.request(method, f"{self.url}/api/v2/{path}", timeout=self.timeout_s, **arguments)
            if answer.status_code == 401:
                self._log_in()
                answer = self._session.request(method, f"{self.url}/api/v2/{path}", timeout=self.timeout_s, **arguments)
        except requests.RequestException as error:
            raise AirflowApiError(f"Airflow at {self.url} does not answer ({_why(error)}): is the world up?") from error
        if not answer.ok:
            told = f"Airflow answered {answer.status_code} to {method} {path}: {_reason(answer)}"
            raise AirflowApiError(told, answer.status_code)
        return dict(answer.json()) if answer.content else {}

    def _log_in(self) -> None:
        self._session.headers.pop("Authorization", None)
        answer = self._session.post(
            f"{self.url}/auth/token", json={"username": self.user, "password": self.password}, timeout=self.timeout_s
        )
        if not answer.ok:
            raise AirflowApiError(f"Airflow refused the login of {self.user!r}: {_reason(answer)}", answer.status_code)
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def waiting_out[Answer](ask: Callable[[], Answer], say: Callable[[str], None]) -> Answer:
    """Return what is asked of Airflow, even if it is away for a few minutes.

    :param say: is told that it is away, and that it is back.
    :raises AirflowApiError: when it refuses, or is away for longer.
    """
    given_up_at = None
    while True:
        try:
            answer = ask()
        except AirflowApiError as error:
            if not error.away or (given_up_at and time.monotonic() > given_up_at):
                raise
            if given_up_at is None:
                given_up_at = time.monotonic() + _OUTAGE_S
                say(f"  {error} (it is asked again for {_OUTAGE_S / 60:.0f} minutes)")
            time.sleep(_ASKED_AGAIN_AFTER_S)
        else:
            if given_up_at:
                say("  Airflow answers again")
            return answer


def _why(error: requests.RequestException) -> str:
    """Return the innermost reason: requests wraps it in the names of three libraries' classes."""
    inner: BaseException = error
    while (deeper := inner.__cause__ or getattr(inner, "reason", None) or inner.__context__) is not None:
        inner = deeper
    return getattr(inner, "strerror", None) or str(error)


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("detail", answer.text))
    except ValueError:
        return answer.text[:500]
