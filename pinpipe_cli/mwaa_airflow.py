"""Airflow on MWAA, whose REST API is reached through AWS' own: with AWS credentials, without a token of Airflow's.

https://docs.aws.amazon.com/mwaa/latest/userguide/access-mwaa-apache-airflow-rest-api.html
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cached_property
from secrets import token_hex
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include.settings import settings
from pinpipe_cli.airflow_api import Airflow, AirflowApiError

# https://docs.aws.amazon.com/mwaa/latest/API/API_InvokeRestApi.html; botocore does not check it.
LONGEST_PATH = 64
MWAA = "mwaa"
_RUN = re.compile(r"dags/(?P<dag_id>[^/]+)/dagRuns/(?P<run_id>[^/]+)")
_TASKS = re.compile(_RUN.pattern + "/taskInstances")
_OF_AIRFLOW = ("RestApiClientException", "RestApiServerException")
_AWAY = ("ThrottlingException", "TooManyRequestsException", "InternalServerException", "ServiceUnavailableException")
_UNAVAILABLE = 503
# https://docs.aws.amazon.com/mwaa/latest/API/API_Environment.html
_SERVES = ("AVAILABLE", "UPDATING", "UPDATE_FAILED", "ROLLING_BACK", "CREATING_SNAPSHOT", "MAINTENANCE")
_FORBIDDEN, _NOT_FOUND = 403, 404
_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S = 10, 60


class MwaaAirflow(Airflow):
    """Airflow of an MWAA environment.

    :param name: the environment's.
    :param asking: client of MWAA for what changes nothing, which may be sent again.
    :param telling: client for the rest: a trigger that is sent again would start a second run.
    """

    def __init__(self, name: str, asking: Any, telling: Any) -> None:
        self.name = name
        self._asking = asking
        self._telling = telling

    @cached_property
    def url(self) -> str:  # type: ignore[override]
        """Address of the environment's web server, or its name in words where that is not known."""
        try:
            return f"https://{self._asking.get_environment(Name=self.name)['Environment']['WebserverUrl']}"
        except (ClientError, BotoCoreError, KeyError):
            return f"Airflow's pages of the MWAA environment {self.name}:"

    def call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Send one request; what is asked of a run whose id makes the path too long is asked of the lists.

        :raises AirflowApiError: on a refusal of Airflow's or AWS', or when either does not answer.
        """
        if len(path) < LONGEST_PATH or method != "GET":
            return self._send(method, path, arguments.get("params"), arguments.get("json"))
        if run := _RUN.fullmatch(path):
            return self._run(run["dag_id"], run["run_id"])
        if of := _TASKS.fullmatch(path):
            body = {"dag_ids": [of["dag_id"]], "dag_run_ids": [of["run_id"]]}
            return self._send("POST", "dags/~/dagRuns/~/taskInstances/list", None, body)
        return self._send(method, path, arguments.get("params"), arguments.get("json"))

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run of ``dag_id`` now and return its run id: a shorter one than Airflow's, for the sake of paths."""
        run_id = f"manual__{datetime.now(UTC):%Y%m%dT%H%M%S}_{token_hex(2)}"
        told = {"dag_run_id": run_id, "conf": conf, "logical_date": None}
        return str(self._send("POST", f"dags/{dag_id}/dagRuns", None, told)["dag_run_id"])

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return the XCom value of a task of a run that has ended.

        The path of a value is always too long; that by which a run is waited for gives values, too.
        https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html#operation/wait_dag_run_until_finished

        :raises AirflowApiError: when there is none, or Airflow refuses.
        :raises ValueError: for another key than that of what a task returns.
        """
        if key != "return_value":
            raise ValueError(f"MWAA gives what tasks return, and not their XCom {key!r}")
        answer = self._send("GET", f"dags/{dag_id}/dagRuns/{run_id}/wait", {"interval": 1, "result": task_id}, None)
        try:
            told = json.loads(answer["content"].splitlines()[-1]) if "content" in answer else answer
            return told["results"][task_id]
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise AirflowApiError(
                f"{dag_id}: Airflow does not tell what {task_id} of run {run_id} has returned; see {self.url}/dags/"
                f"{dag_id}/runs/{run_id}/tasks/{task_id}/xcom",
                _NOT_FOUND,
            ) from error

    def _run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        listed = self._send("GET", f"dags/{dag_id}/dagRuns", {"run_id_pattern": run_id, "limit": 100}, None)["dag_runs"]
        for run in listed:
            if run["dag_run_id"] == run_id:  # the pattern's _ stands for any character
                return dict(run)
        raise AirflowApiError(f"{dag_id} has no run {run_id!r}", _NOT_FOUND)

    def _send(self, method: str, path: str, params: Any, body: Any) -> dict[str, Any]:
        client = self._asking if method == "GET" or path.endswith("/list") else self._telling
        request = {"Name": self.name, "Path": f"/{path}", "Method": method}
        if params:
            request["QueryParameters"] = params
        if body is not None:
            request["Body"] = body
        try:
            answer = client.invoke_rest_api(**request).get("RestApiResponse")
        except ClientError as error:
            raise self._refusal(method, path, error) from error
        except BotoCoreError as error:
            raise AirflowApiError(f"AWS does not answer for the MWAA environment {self.name} ({error})") from error
        if answer is None or isinstance(answer, dict):
            return dict(answer or {})
        return {"content": answer}  # text, as a log may be

    def _refusal(self, method: str, path: str, error: ClientError) -> AirflowApiError:
        code = error.response["Error"]["Code"]
        words = error.response["Error"].get("Message", "")
        asked = f"{method} {path}"
        if code in _OF_AIRFLOW:
            answer: dict[str, Any] = dict(error.response)
            status = int(answer.get("RestApiStatusCode") or (400 if code == _OF_AIRFLOW[0] else 500))
            reason = _reason(answer.get("RestApiResponse")) or words
            return AirflowApiError(f"Airflow answered {status} to {asked}: {reason}", status)
        if code == "AccessDeniedException":
            return AirflowApiError(
                f"AWS denies {asked} to your credentials ({words}): they need airflow:InvokeRestApi on "
                f"arn:aws:airflow:{settings().region}:<account>:role/{self.name}/<Admin or Op>",
                _FORBIDDEN,
            )
        if code == "ResourceNotFoundException":
            return AirflowApiError(
                f"there is no MWAA environment {self.name!r} in {settings().region} for your credentials: check the "
                "settings mwaa_environment and region, and AWS_PROFILE",
                _NOT_FOUND,
            )
        if code in _AWAY:
            return AirflowApiError(f"MWAA cannot answer {asked} just now ({code}: {words})", _UNAVAILABLE)
        too_long = f"; it takes paths of {LONGEST_PATH} characters" if len(path) >= LONGEST_PATH else ""
        return AirflowApiError(f"MWAA refuses {asked} ({code}: {words}{too_long})", 400)


def mwaa_client(attempts: int = 5) -> Any:
    """Return a client of MWAA, with botocore's own chain of credentials.

    :param attempts: how often a request is sent at most.
    """
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return boto3.client("mwaa", region_name=settings().region, config=config)


def environment_name() -> str:
    """Return the name of the MWAA environment.

    :raises LookupError: when the environment's file names none.
    """
    wanted = settings()
    if not wanted.mwaa_environment:
        raise LookupError(
            f"the environment {wanted.env!r} has no MWAA environment: set mwaa_environment in "
            f"include/environments/{wanted.env}.yaml, or name another environment with --env"
        )
    return wanted.mwaa_environment


def mwaa_service() -> dict[str, dict[str, Any]]:
    """Return how the environment is, as services of the local world are told: by its name ``mwaa``.

    :raises LookupError: when the environment's file names no MWAA environment.
    """
    name = environment_name()
    try:
        told = mwaa_client(attempts=2).get_environment(Name=name)["Environment"]
    except (ClientError, BotoCoreError) as error:
        return {MWAA: {"state": "UNKNOWN", "healthy": False, "detail": f"AWS does not tell ({error})", "url": ""}}
    status = str(told["Status"])
    # While it is updated Airflow goes on, and may be away for moments.
    healthy = status in _SERVES
    failed = (told.get("LastUpdate") or {}).get("Error") or {}
    detail = f"{status}: {failed['ErrorMessage']}" if failed.get("ErrorMessage") else status
    url = f"https://{told['WebserverUrl']}" if "WebserverUrl" in told else ""
    return {MWAA: {"state": status, "healthy": healthy, "detail": detail, "url": url}}


def mwaa_airflow() -> MwaaAirflow:
    """Return the Airflow that the settings name."""
    return MwaaAirflow(environment_name(), mwaa_client(), mwaa_client(attempts=1))


def _reason(answer: Any) -> str:
    detail = answer.get("detail", answer) if isinstance(answer, dict) else answer
    return str(detail or "")
