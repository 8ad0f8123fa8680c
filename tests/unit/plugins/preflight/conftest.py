"""An environment on AWS, and clients that answer as their service models say."""

from __future__ import annotations

import os

import boto3
import pytest
from botocore.stub import Stubber

from include.settings import Settings, settings

ACCOUNT = "111122223333"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/airflow/session"


@pytest.fixture(autouse=True)
def nobodys_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("PINPIPE_", "AIRFLOW_CONN_", "AWS_"))]:
        monkeypatch.delenv(name)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def wanted(monkeypatch):
    """The settings of the example for AWS, where others make what the pipeline stands on."""
    monkeypatch.setenv("PINPIPE_ENV", "example-aws")
    return Settings(
        managed_roles=False,
        permissions_boundary="",
        api_kinesis_role=f"arn:aws:iam::{ACCOUNT}:role/pinpipe-api-kinesis",
        managed_connections=False,
        msk_cluster="",
        topic_replication=3,
        connect_backend="rest",
        rest_proxy="",
        kafka_rest_url="https://kafka-rest.example.com",
        databricks_catalog="",
    )


@pytest.fixture
def makes_all(monkeypatch):
    """The settings of the example for AWS, where `provision` makes everything."""
    monkeypatch.setenv("PINPIPE_ENV", "example-aws")
    return Settings()


@pytest.fixture
def local():
    return Settings()


@pytest.fixture
def stubbed(monkeypatch):
    """Replace a check's clients: ``stubbed(module, sts=[(operation, answer)], …)``; an exception's code is refused."""

    def replace(module, **services):
        clients = {}
        for service, answers in services.items():
            name = service.replace("_", "-")
            client = boto3.client(
                name,
                region_name="eu-west-1",
                aws_access_key_id="a",
                aws_secret_access_key="b",
            )
            stubber = Stubber(client)
            for operation, answer, *expected in answers:
                if isinstance(answer, str):
                    stubber.add_client_error(operation, answer, http_status_code=400)
                else:
                    stubber.add_response(operation, answer, *expected)
            stubber.activate()
            clients[name] = client
        monkeypatch.setattr(module, "client", lambda _, service, **options: clients[service])

    return replace


def caller(arn=ROLE, account=ACCOUNT):
    return ("get_caller_identity", {"Account": account, "Arn": arn, "UserId": "AROA:me"})
