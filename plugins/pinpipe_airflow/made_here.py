"""What ``provision`` makes itself with these settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.msk_settings import CREATE

if TYPE_CHECKING:
    from include.settings import Settings

LOCAL = "local"


def on_aws(wanted: Settings) -> bool:
    """Return whether the environment is one on AWS."""
    return wanted.env != LOCAL


def makes_cluster(wanted: Settings) -> bool:
    """Return whether the Kafka cluster is made."""
    return wanted.msk_cluster == CREATE


def makes_rest_proxy(wanted: Settings) -> bool:
    """Return whether the REST proxy is made, and with it a load balancer and a VPC link."""
    return wanted.rest_proxy == CREATE


def makes_roles(wanted: Settings) -> bool:
    """Return whether the IAM roles are made."""
    return wanted.managed_roles


def uses_msk_connect(wanted: Settings) -> bool:
    """Return whether connectors run in MSK Connect, which has no REST API of its own."""
    return wanted.connect_backend == "msk"


def uses_vpc(wanted: Settings) -> bool:
    """Return whether anything is made in subnets of a VPC."""
    return makes_cluster(wanted) or makes_rest_proxy(wanted) or uses_msk_connect(wanted)


def connections_made(wanted: Settings) -> tuple[str, ...]:
    """Return the settings whose connections are made."""
    if not wanted.managed_connections:
        return ()
    # The brokers' addresses are known of a cluster of MSK alone.
    return ("aws_conn_id", *(("kafka_conn_id",) if wanted.msk_cluster else ()), "api_conn_id")
