from __future__ import annotations

import argparse
import sys
from types import ModuleType, SimpleNamespace

import botocore.session
import pytest

from spark_jobs.aws_session import add_arguments, aws_session


def options(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("arguments", [(), ("--region", "", "--service-credential", "")])
def test_without_a_service_credential_aws_default_chain_is_asked(arguments, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-chain")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    given = options(*arguments)
    session = aws_session(given.region, given.service_credential)
    assert session.get_credentials().access_key == "of-the-chain"


def test_a_service_credential_is_asked_for_by_its_name_and_used(monkeypatch):
    def provider(name):
        lent = botocore.session.get_session()
        lent.set_credentials(f"lent-by-{name}", "x")
        return lent

    runtime = ModuleType("databricks.sdk.runtime")
    runtime.dbutils = SimpleNamespace(credentials=SimpleNamespace(getServiceCredentialsProvider=provider))
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", runtime)
    given = options("--region", "eu-west-1", "--service-credential", "pinpipe-service")
    client = aws_session(given.region, given.service_credential).client("s3")
    assert client.meta.region_name == "eu-west-1"
    assert client._request_signer._credentials.access_key == "lent-by-pinpipe-service"
