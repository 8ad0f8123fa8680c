"""How a job itself calls AWS, beside Spark."""

from __future__ import annotations

import argparse
from typing import Any

import boto3


def aws_session(region: str, service_credential: str) -> boto3.Session:
    """Return a session by which the job itself calls AWS, beside Spark.

    On Databricks a cluster without an instance profile has no role of its own; a service credential of Unity Catalog
    lends it one (https://docs.databricks.com/aws/en/connect/unity-catalog/cloud-services/use-service-credentials).

    :param region: AWS region; empty: as AWS's default chain finds it.
    :param service_credential: name of a service credential of Unity Catalog; empty: AWS's default chain.
    """
    if not service_credential:
        return boto3.Session(region_name=region or None)
    from databricks.sdk.runtime import dbutils  # there is none elsewhere

    credentials: Any = dbutils.credentials  # of which the SDK knows less than the runtime
    provider = credentials.getServiceCredentialsProvider(service_credential)
    return boto3.Session(botocore_session=provider, region_name=region or None)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Have a command line take what :func:`aws_session` is given."""
    parser.add_argument("--region", default="", help="AWS region of the bucket")
    parser.add_argument("--service-credential", default="", help="Unity Catalog service credential, on Databricks only")
