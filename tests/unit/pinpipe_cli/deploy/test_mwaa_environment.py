"""The update of an MWAA environment: every request and answer is one that the service's model knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from include.settings import Settings
from pinpipe_cli.deploy import mwaa_environment
from pinpipe_cli.deploy.deployed_state import EnvironmentFile
from pinpipe_cli.deploy.errors import DeploymentError
from pinpipe_cli.deploy.mwaa_environment import MwaaEnvironment, bucket_of

BEFORE, AFTER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
KEYS = {
    EnvironmentFile.plugins: "plugins.zip",
    EnvironmentFile.requirements: "requirements.txt",
    EnvironmentFile.startup_script: "startup.sh",
}
VERSIONS = {kind: f"version-of-{kind.name}" for kind in KEYS}
ASKED = {
    "Name": "pinpipe",
    "WorkerReplacementStrategy": "GRACEFUL",
    "PluginsS3Path": "plugins.zip",
    "PluginsS3ObjectVersion": "version-of-plugins",
    "RequirementsS3Path": "requirements.txt",
    "RequirementsS3ObjectVersion": "version-of-requirements",
    "StartupScriptS3Path": "startup.sh",
    "StartupScriptS3ObjectVersion": "version-of-startup_script",
}


def environment(status: str, update: str = "SUCCESS", at: datetime = BEFORE, **more: Any) -> dict[str, Any]:
    described = {
        "Name": "pinpipe",
        "Status": status,
        "AirflowVersion": "3.3.1",
        "SourceBucketArn": "arn:aws:s3:::airflow",
        "DagS3Path": "dags",
        "LastUpdate": {"Status": update, "CreatedAt": at},
        **more,
    }
    return {"Environment": described}


@pytest.fixture
def mwaa(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setattr(mwaa_environment, "_POLL_S", 0)
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    with Stubber(boto3.client("mwaa", **keys)) as stub:
        yield stub


def updated(mwaa: Stubber, *then: dict[str, Any]) -> list[str]:
    """Update an environment that is as said from then on; return what was told."""
    mwaa.add_response("get_environment", environment("AVAILABLE"), {"Name": "pinpipe"})
    mwaa.add_response("update_environment", {}, ASKED)
    for answer in then:
        mwaa.add_response("get_environment", answer, {"Name": "pinpipe"})
    told: list[str] = []
    MwaaEnvironment(mwaa.client, "pinpipe").update(KEYS, VERSIONS, Settings(), told.append)
    mwaa.assert_no_pending_responses()
    return told


def test_an_update_is_waited_for_though_it_does_not_begin_at_once(mwaa: Stubber) -> None:
    told = updated(
        mwaa,
        environment("AVAILABLE"),  # as before: it has not begun
        environment("UPDATING"),
        environment("UPDATING", "PENDING", AFTER),
        environment("AVAILABLE", "SUCCESS", AFTER),
    )
    assert told[1:] == ["  pinpipe: AVAILABLE", "  pinpipe: UPDATING", "  pinpipe: AVAILABLE"]


ERROR = {"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": "requirements cannot be installed"}


@pytest.mark.parametrize("status", ["UPDATE_FAILED", "AVAILABLE"])
def test_a_failed_update_is_told_with_mwaas_own_reason(mwaa: Stubber, status: str) -> None:
    failed = environment(status)
    failed["Environment"]["LastUpdate"] = {"Status": "FAILED", "CreatedAt": AFTER, "Error": ERROR}
    words = f"it is {status}.*INCORRECT_CONFIGURATION: requirements cannot be installed.*runs on with what it had"
    with pytest.raises(DeploymentError, match=words):
        updated(mwaa, environment("UPDATING"), environment("ROLLING_BACK"), failed)


def test_an_environment_that_broke_is_told(mwaa: Stubber) -> None:
    with pytest.raises(DeploymentError, match=r"it is UNAVAILABLE.*It does not run"):
        updated(mwaa, environment("UPDATING"), environment("UNAVAILABLE", "FAILED", AFTER))


def test_an_update_that_somebody_else_was_first_with_is_told(mwaa: Stubber) -> None:
    mwaa.add_response("get_environment", environment("AVAILABLE"))
    mwaa.add_client_error("update_environment", "ValidationException", "Environment is not in a state to be updated")
    with pytest.raises(DeploymentError, match="ValidationException: Environment is not in a state to be updated"):
        MwaaEnvironment(mwaa.client, "pinpipe").update(KEYS, VERSIONS, Settings(), print)


@pytest.mark.parametrize("status", ["UPDATING", "CREATING", "MAINTENANCE", "ROLLING_BACK", "PENDING"])
def test_a_busy_environment_is_not_deployed_to(mwaa: Stubber, status: str) -> None:
    mwaa.add_response("get_environment", environment(status))
    with pytest.raises(DeploymentError, match=f"is {status}: deploy when that has ended"):
        MwaaEnvironment(mwaa.client, "pinpipe").ready(Settings())


def test_one_whose_last_update_failed_can_be_deployed_to(mwaa: Stubber) -> None:
    mwaa.add_response("get_environment", environment("UPDATE_FAILED", "FAILED"))
    assert bucket_of(MwaaEnvironment(mwaa.client, "pinpipe").ready(Settings())) == "airflow"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mwaa_bucket": "other"}, "mwaa_bucket is other, but the MWAA environment pinpipe reads airflow"),
        ({"mwaa_dags_path": "my/dags"}, "mwaa_dags_path is my/dags, but the MWAA environment pinpipe reads dags"),
    ],
)
def test_an_environment_that_reads_something_else_is_refused(mwaa: Stubber, given: dict[str, str], words: str) -> None:
    mwaa.add_response("get_environment", environment("AVAILABLE"))
    with pytest.raises(DeploymentError, match=words):
        MwaaEnvironment(mwaa.client, "pinpipe").ready(Settings(**given))


def test_an_environment_that_is_not_there_is_told_with_where_it_was_looked_for(mwaa: Stubber) -> None:
    mwaa.add_client_error("get_environment", "ResourceNotFoundException", "no")
    with pytest.raises(DeploymentError, match="no MWAA environment 'pinpipe' in us-east-1"):
        MwaaEnvironment(mwaa.client, "pinpipe").describe()
