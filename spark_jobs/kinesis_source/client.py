"""A client of Kinesis, once per process and connection: making one costs a third of a second."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

from spark_jobs.kinesis_source.api import CONCURRENT_CALLS
from spark_jobs.kinesis_source.errors import OptionError
from spark_jobs.kinesis_source.options import Connection

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# One attempt: what is to be tried again, and when, is decided per shard, so that no shard waits for another.
_CONFIG = Config(
    connect_timeout=3,
    read_timeout=10,
    max_pool_connections=CONCURRENT_CALLS,
    retries={"total_max_attempts": 1, "mode": "standard"},
)
_STS_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 4, "mode": "standard"})


class _Credentials:
    """What a session of botocore asks for its credentials."""

    def __init__(self, credentials: DeferredRefreshableCredentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> DeferredRefreshableCredentials:
        return self._credentials


@cache
def kinesis_client(connection: Connection) -> KinesisClient:
    """Return the client of a connection.

    :raises OptionError: when no region is known.
    """
    session = boto3.Session(
        aws_access_key_id=connection.access_key or None,
        aws_secret_access_key=connection.secret_key or None,
        aws_session_token=connection.session_token or None,
        region_name=connection.region or None,
    )
    if not session.region_name:
        raise OptionError("option region is missing and AWS's default chain knows none: give it, or AWS_DEFAULT_REGION")
    if connection.role_arn:
        session = _in_role(session, connection)
    return session.client("kinesis", endpoint_url=connection.endpoint or None, config=_CONFIG)


def _in_role(session: boto3.Session, connection: Connection) -> boto3.Session:
    """Return a session that takes the role, and takes it again before it ends."""
    source = session.get_credentials()
    if source is None:
        raise OptionError(
            f"option roleArn is {connection.role_arn!r}, but there are no credentials to take the role with: give "
            "awsAccessKey and awsSecretKey, or what AWS's default chain finds"
        )
    extra = {"RoleSessionName": connection.role_session_name, "ExternalId": connection.role_external_id}
    fetcher = AssumeRoleCredentialFetcher(
        client_creator=partial(session.client, endpoint_url=connection.sts_endpoint or None, config=_STS_CONFIG),
        source_credentials=source,
        role_arn=connection.role_arn,
        extra_args={name: value for name, value in extra.items() if value},
    )
    in_role = botocore.session.get_session()
    taken = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")
    in_role.register_component("credential_provider", _Credentials(taken))
    return boto3.Session(botocore_session=in_role, region_name=session.region_name)
