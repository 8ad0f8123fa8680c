"""Whether the brokers answer, and are enough of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka import __version__ as client_version
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from pinpipe_airflow.hooks.kafka_config import KafkaConfigHook
from pinpipe_airflow.made_here import makes_cluster, on_aws
from pinpipe_airflow.preflight.connections import look_up
from pinpipe_airflow.preflight.result import Check, Finding, not_checked, ok, warning, wrong

if TYPE_CHECKING:
    from include.settings import Settings

SUBJECT = "Kafka"
_TIMEOUT_S = 8.0
# Brokers older than 4.0 say so; since then a cluster has no such config.
_VERSION_CONFIG = "inter.broker.protocol.version"


def look(wanted: Settings) -> Iterator[Finding]:
    """Ask for the brokers' metadata."""
    if look_up(wanted.kafka_conn_id) is None:
        told = f"connection {wanted.kafka_conn_id} is not defined"
        yield not_checked(SUBJECT, f"{told} yet: provision makes it" if makes_cluster(wanted) else told)
        return
    # Without a word of its own on standard error: what is wrong is said below.
    admin = AdminClient({**KafkaConfigHook(wanted.kafka_conn_id).config(), "log_level": 0})
    admin.poll(0)  # serves the call-back for a token, where the connection logs in by one
    try:
        metadata = admin.list_topics(timeout=_TIMEOUT_S)
    except KafkaException as error:
        yield _unreachable(wanted, error)
        return
    yield from _brokers(wanted, len(metadata.brokers))
    yield _version(admin, min(metadata.brokers))


def _unreachable(wanted: Settings, error: KafkaException) -> Finding:
    told = f"the brokers of connection {wanted.kafka_conn_id} do not answer within {_TIMEOUT_S:g} s: {error}"
    if makes_cluster(wanted):
        return not_checked(SUBJECT, f"{told}; provision makes the cluster")
    return wrong(
        SUBJECT,
        told,
        "see that the cluster runs, that `bootstrap.servers` are its brokers' for this way to log in, and that its "
        "security group lets this machine in at their port",
    )


def _brokers(wanted: Settings, brokers: int) -> Iterator[Finding]:
    replicas = wanted.topic_replication
    found = f"{brokers} brokers answer, topic_replication is {replicas}"
    # MSK Serverless shows as many addresses as it likes, and always keeps three replicas.
    if replicas > brokers and not makes_cluster(wanted):
        yield wrong(SUBJECT, found, f"set topic_replication to {brokers} at most, or add brokers")
    elif on_aws(wanted) and replicas == 1:
        yield warning(SUBJECT, f"{found}: what a broker loses is lost", "set topic_replication to 3")
    else:
        yield ok(SUBJECT, found)


def _version(admin: AdminClient, broker: int) -> Finding:
    subject = "Kafka's version"
    asked = admin.describe_configs([ConfigResource(ResourceType.BROKER, str(broker))], request_timeout=_TIMEOUT_S)
    try:
        configs = next(iter(asked.values())).result(timeout=_TIMEOUT_S)
    except (KafkaException, TimeoutError) as error:
        return not_checked(subject, f"the broker does not say: {error!r}")
    if _VERSION_CONFIG not in configs:
        return not_checked(subject, f"brokers since 4.0 do not say; client {client_version} gets on with 2.1 and later")
    return ok(subject, f"{configs[_VERSION_CONFIG].value}, client {client_version}")


CHECKS = (Check(SUBJECT, look),)
