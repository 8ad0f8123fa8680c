"""The Airflow connections that ``provision`` can know itself, without their secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.settings import Settings

API_KEY_LENGTH = 40  # API Gateway takes 20 to 128


def aws_connection(region: str) -> dict[str, Any]:
    """Return the connection to AWS: the worker's own role, in a region."""
    return {"conn_type": "aws", "extra": {"region_name": region}}


def kafka_connection(bootstrap_servers: Any) -> dict[str, Any]:
    """Return the connection to an MSK cluster by IAM; the provider makes the tokens from the worker's role.

    https://airflow.apache.org/docs/apache-airflow-providers-apache-kafka/stable/connections/kafka.html

    :param bootstrap_servers: ``host:port`` of the brokers' IAM listeners, with commas between; or what Airflow turns
        into that before the task runs.
    """
    return {
        "conn_type": "kafka",
        "extra": {
            "bootstrap.servers": bootstrap_servers,
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "OAUTHBEARER",
        },
    }


def api_connection() -> dict[str, Any]:
    """Return the connection that holds the REST API's key, without the key."""
    return {"conn_type": "http"}


def managed_connection_ids(wanted: Settings) -> tuple[str, ...]:
    """Return the ids of the connections that ``provision`` keeps in Secrets Manager."""
    return wanted.aws_conn_id, wanted.kafka_conn_id, wanted.api_conn_id


def secret_name(prefix: str, conn_id: str) -> str:
    """Return the name that Airflow's secrets backend looks for a connection by."""
    return f"{prefix}/{conn_id}"
