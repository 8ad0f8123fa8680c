"""What the pipeline has in Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinpipe_airflow.inventory.kind import Kind
from pinpipe_airflow.inventory.secrets import kafka_connection_exists

if TYPE_CHECKING:
    from include.settings import Settings


def topics(wanted: Settings) -> list[str]:
    """Return the names of the pipeline's topics."""
    return [*wanted.topics.values(), wanted.dead_letter_topic]


def _find(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.kafka_topic import KafkaTopicHook

    return sorted(KafkaTopicHook(kafka_config_id=wanted.kafka_conn_id).describe(topics(wanted)))


# Records are data. And offsets name raw objects: a topic made anew counts from 0 again, and the sink would overwrite
# the objects that lie there from before.
TOPICS = Kind(
    id="topics",
    title="Kafka topics",
    service="kafka",
    find=_find,
    is_data=True,
    stands_on=("msk_cluster",),
    askable=kafka_connection_exists,
)
