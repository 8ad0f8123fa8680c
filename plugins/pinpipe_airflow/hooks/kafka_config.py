"""The client configuration that an Airflow connection to Kafka stands for."""

from __future__ import annotations

from typing import Any

from airflow.providers.apache.kafka.hooks.base import KafkaBaseHook

from pinpipe_airflow.hooks.msk_iam import with_msk_iam_tokens


class KafkaConfigHook(KafkaBaseHook):
    """Gives librdkafka's configuration itself, for clients that the provider has no hook for.

    Clients of MSK get tokens for their IAM role: :func:`pinpipe_airflow.hooks.msk_iam.with_msk_iam_tokens`.

    :param kafka_config_id: the Airflow connection to the brokers.
    """

    def __init__(self, kafka_config_id: str = KafkaBaseHook.default_conn_name) -> None:
        super().__init__(kafka_config_id=kafka_config_id)  # type: ignore[no-untyped-call]

    def config(self) -> dict[str, Any]:
        """Return the configuration, ``bootstrap.servers`` among it."""
        return dict(self.get_conn)

    def _get_client(self, config: dict[str, Any]) -> dict[str, Any]:
        return with_msk_iam_tokens(config)
