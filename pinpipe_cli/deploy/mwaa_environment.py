"""An MWAA environment: what it is at, its update to other versions of its files, and how that ended.

https://docs.aws.amazon.com/mwaa/latest/API/API_Environment.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from include.settings import Settings
from pinpipe_cli.deploy.deployed_state import EnvironmentFile
from pinpipe_cli.deploy.errors import DeploymentError

_POLL_S = 30.0
# Workers may take 12 hours to end what they do where they are replaced gracefully.
_UPDATED_WITHIN = timedelta(hours=13)
_READY = ("AVAILABLE", "UPDATE_FAILED")  # after a failed update it is as it was before
_BROKEN = ("UNAVAILABLE", "CREATE_FAILED", "DELETING", "DELETED")
_TROUBLESHOOTING = "https://docs.aws.amazon.com/mwaa/latest/userguide/t-create-update-environment.html"

Say = Callable[[str], None]
Described = Mapping[str, Any]  # as MWAA's API tells it


class MwaaEnvironment:
    """An environment.

    :param client: of MWAA.
    :param name: its name.
    """

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    def describe(self) -> Described:
        """Return what MWAA tells of it.

        :raises DeploymentError: when there is none of that name.
        """
        try:
            return dict(self.client.get_environment(Name=self.name)["Environment"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            raise DeploymentError(
                f"there is no MWAA environment {self.name!r} in {self.client.meta.region_name}: make it first, or "
                "check the settings mwaa_environment and region, and AWS_PROFILE"
            ) from error

    def ready(self, given: Settings) -> Described:
        """Return what MWAA tells of it, if it can be deployed to.

        :param given: the settings that it has to agree with.
        :raises DeploymentError: when it is busy or broken, or reads another bucket or folder.
        """
        now = self.describe()
        if now["Status"] not in _READY:
            raise DeploymentError(
                f"the MWAA environment {self.name} is {now['Status']}{_error_of(now)}: "
                + (f"see {_TROUBLESHOOTING}" if now["Status"] in _BROKEN else "deploy when that has ended")
            )
        bucket = bucket_of(now)
        if given.mwaa_bucket and given.mwaa_bucket != bucket:
            raise DeploymentError(
                f"mwaa_bucket is {given.mwaa_bucket}, but the MWAA environment {self.name} reads {bucket}: mend "
                f"include/environments/{given.env}.yaml"
            )
        folder = str(now["DagS3Path"]).removeprefix(f"s3://{bucket}/").strip("/")
        if folder != given.mwaa_dags_path:
            raise DeploymentError(
                f"mwaa_dags_path is {given.mwaa_dags_path}, but the MWAA environment {self.name} reads {folder}: mend "
                f"include/environments/{given.env}.yaml"
            )
        return now

    def update(self, keys: Mapping[EnvironmentFile, str], versions: Mapping[EnvironmentFile, str], given: Settings,
               say: Say) -> None:  # fmt: skip
        """Have it take other versions of its files, and wait until it has.

        :param keys: key of each file in its bucket.
        :param versions: id of the version of each.
        :param given: ``mwaa_worker_replacement`` of them says what becomes of tasks that run.
        :param say: is told its states.
        :raises DeploymentError: when it refuses or does not get there; with MWAA's own reason.
        """
        fields = {kind.path_field: key for kind, key in keys.items()}
        fields |= {kind.version_field: versions[kind] for kind in keys}
        before = self.describe().get("LastUpdate", {}).get("CreatedAt")
        try:
            self.client.update_environment(
                Name=self.name, WorkerReplacementStrategy=given.mwaa_worker_replacement, **fields
            )
        except ClientError as error:
            words = error.response["Error"]
            raise DeploymentError(
                f"MWAA does not update {self.name} ({words['Code']}: {words.get('Message', '')}): nothing of its "
                "environment has changed; deploy again when the cause is mended"
            ) from error
        say(f"MWAA updates {self.name}; that takes 10 to 30 minutes")
        self._wait(before, say)

    def _wait(self, before: Any, say: Say) -> None:
        deadline = time.monotonic() + _UPDATED_WITHIN.total_seconds()
        told = ""
        while True:
            now = self.describe()
            update = now.get("LastUpdate", {})
            begun = update.get("CreatedAt") != before or now["Status"] not in _READY
            if now["Status"] != told:
                told = now["Status"]
                say(f"  {self.name}: {told}")
            if now["Status"] in _BROKEN or (begun and _failed(now)):
                raise DeploymentError(
                    f"the update of the MWAA environment {self.name} failed, it is {now['Status']}{_error_of(now)}. "
                    f"{_what_it_runs_on(now)} Requirements that cannot be installed are named in the log groups "
                    f"airflow-{self.name}-*, streams requirements_install*; see {_TROUBLESHOOTING}"
                )
            if begun and now["Status"] == "AVAILABLE" and update.get("Status") == "SUCCESS":
                return
            if time.monotonic() > deadline:
                raise DeploymentError(
                    f"the MWAA environment {self.name} is {now['Status']} after {_UPDATED_WITHIN}; its update goes on: "
                    "deploy again when it has ended, which takes up what is left"
                )
            time.sleep(_POLL_S)


def bucket_of(environment: Described) -> str:
    """Return the name of the bucket that an environment reads."""
    return str(environment["SourceBucketArn"]).rpartition(":")[2]


def _failed(now: Described) -> bool:
    return now["Status"] in _READY and (
        now["Status"] == "UPDATE_FAILED" or now.get("LastUpdate", {}).get("Status") == "FAILED"
    )


def _error_of(now: Described) -> str:
    error = now.get("LastUpdate", {}).get("Error") or {}
    return f" ({error.get('ErrorCode')}: {error.get('ErrorMessage')})" if error else ""


def _what_it_runs_on(now: Described) -> str:
    return "It runs on with what it had before." if now["Status"] in _READY else "It does not run."
