"""An MWAA environment that runs what its bucket holds: requests and answers pass botocore's model of the service."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

NAME = "pinpipe"
_STARTED = datetime(2026, 1, 1, tzinfo=UTC)


class Raw:
    """A body as urllib3 gives it."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self.content


class Mwaa:
    """The service, with one environment.

    :param s3: client of S3.
    :param bucket: that the environment reads; its DAGs are the files of the folder ``dags``.

    The wheel that the environment names as ``provision`` is run is kept in ``provisioned``, a run each.
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.environment: dict[str, Any] = {
            "Name": NAME,
            "Status": "AVAILABLE",
            "AirflowVersion": "3.3.1",
            "SourceBucketArn": f"arn:aws:s3:::{bucket}",
            "DagS3Path": "dags",
            "WebserverUrl": "abc.airflow.example",
        }
        self.updates: list[dict[str, Any]] = []
        self.refuses_updates_with: dict[str, str] | None = None
        self.provisioned: list[str] = []
        self.provision_fails = False
        self.is_provisioned = True
        self._pending: dict[str, Any] = {}
        self._looks = 0

    def client(self) -> Any:
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "region_name": "us-east-1"}
        client = boto3.client("mwaa", **keys)
        client.meta.events.register("before-send.mwaa", self._send)
        return client

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        path = urlsplit(request.url).path
        body = json.loads(request.body) if request.body else {}
        if path == f"/environments/{NAME}":
            answer = self._update(body) if request.method == "PATCH" else {"Environment": self._look()}
        elif path == f"/restapi/{NAME}":
            answer = {
                "RestApiStatusCode": 200,
                "RestApiResponse": self._airflow(body["Method"], body["Path"], body.get("Body", {})),
            }
        else:
            raise AssertionError(f"{request.method} {request.url} is no request to this environment")
        return AWSResponse(request.url, 200, {}, Raw(json.dumps(answer).encode()))

    def _update(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.updates.append(asked)
        self._pending, self._looks = asked, 0
        self.environment["Status"] = "UPDATING"
        return {"Arn": "arn:aws:airflow:us-east-1:000000000000:environment/pinpipe"}

    def _look(self) -> dict[str, Any]:
        self._looks += 1
        if self._pending and self._looks > 1:
            at = (_STARTED + timedelta(days=len(self.updates))).timestamp()
            if self.refuses_updates_with:
                error = self.refuses_updates_with
                self.environment |= {"Status": "UPDATE_FAILED"}
                self.environment["LastUpdate"] = {"Status": "FAILED", "CreatedAt": at, "Error": error}
            else:
                for name in ("Plugins", "Requirements", "StartupScript"):
                    asked = {
                        "Key": self._pending[f"{name}S3Path"],
                        "VersionId": self._pending[f"{name}S3ObjectVersion"],
                    }
                    self.s3.head_object(Bucket=self.bucket, **asked)  # it is there
                self.environment |= {**self._pending, "Status": "AVAILABLE"}
                self.environment["LastUpdate"] = {"Status": "SUCCESS", "CreatedAt": at}
            self._pending = {}
        return self.environment

    def in_use(self, name: str) -> bytes:
        """Return the content of a file that the environment runs on: Plugins, Requirements or StartupScript."""
        key, version = (self.environment[f"{name}S3{field}"] for field in ("Path", "ObjectVersion"))
        return self.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version)["Body"].read()

    def dag_files(self) -> dict[str, bytes]:
        """Return what the folder of the DAGs holds, by path in it."""
        listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="dags/").get("Contents", [])
        return {
            found["Key"].removeprefix("dags/"): self.s3.get_object(Bucket=self.bucket, Key=found["Key"])["Body"].read()
            for found in listed
        }

    def _airflow(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert len(path) <= 64
        sources = {
            PurePosixPath(name).stem: content.decode()
            for name, content in self.dag_files().items()
            if name.endswith(".py")
        }
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        broken = [
            {"filename": f"{dag_id}.py", "stack_trace": "Traceback\nNameError: no", "timestamp": later}
            for dag_id, source in sources.items()
            if "broken" in source
        ]
        if (method, path) == ("GET", "/importErrors"):
            return {"import_errors": broken}
        if (method, path) == ("GET", "/dags"):
            return {"dags": [{"dag_id": dag_id, "is_stale": False} for dag_id in sources]}
        if (method, path) == ("GET", "/dags/provision"):
            return {"dag_id": "provision", "is_paused": False}
        if (method, path) == ("POST", "/dags/provision/dagRuns"):
            startup = self.in_use("StartupScript").decode()
            assert body["conf"]["only_if_provisioned"]
            self.provisioned.append(re.findall(r"PINPIPE_SPARK_WHEEL=(\S+)", startup)[0])
            return {"dag_run_id": "r1"}
        state = "failed" if self.provision_fails else "success"
        if (method, path) == ("GET", "/dags/provision/dagRuns/r1"):
            return {"state": state}
        if (method, path) == ("GET", "/dags/provision/dagRuns/r1/taskInstances"):
            task = {"map_index": -1, "try_number": 1, "end_date": "2026-01-01", "duration": 1.0}
            jobs = state if self.is_provisioned else "skipped"
            states = {"teardown_over": "success", "jobs": jobs}
            return {"task_instances": [{**task, "task_id": name, "state": states[name]} for name in states]}
        if path.startswith("/dags/provision/dagRuns/r1/taskInstances/jobs/logs/"):
            return {"content": "Databricks said no"}
        if path.startswith("/dagSources/"):
            return {"content": sources[path.removeprefix("/dagSources/")]}
        raise AssertionError(f"{method} {path} is asked of Airflow by no deployment")
