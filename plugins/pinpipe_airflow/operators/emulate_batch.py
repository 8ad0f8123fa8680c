"""The operator that posts to topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.operators.emulate import EmulateOperator

if TYPE_CHECKING:
    import sqlalchemy as sa


class EmulateBatchOperator(EmulateOperator):
    """Posts posts from the source database through the REST API, or replays a past day to the brokers.

    Takes what :class:`~pinpipe_airflow.operators.emulate.EmulateOperator` takes, returns and raises what it does, and:

    :param topics: topic of each data set. (templated)
    :param posts: number of posts. (templated)
    :param day: past day to replay, ``YYYY-MM-DD``; ``None`` posts now through the API. (templated)
    :param kafka_conn_id: the Airflow connection to the brokers, for replays.
    :return: the emulator's receipt: counts, offsets and days. A failed run leaves it as the XCom ``receipt``.
    :raises AirflowFailException: when an argument is out of its limits, such as a day to come; no other try is made.
    """

    template_fields: Sequence[str] = (*EmulateOperator.template_fields, "topics", "posts", "day")

    def __init__(
        self,
        *,
        topics: Mapping[str, str],
        posts: int | str,
        day: str | None = None,
        kafka_conn_id: str = "kafka_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.topics = topics
        self.posts = posts
        self.day = day
        self.kafka_conn_id = kafka_conn_id

    def what(self) -> str:
        """Return what is posted or replayed."""
        return f"{f'Replay of {self.day}' if self.day else 'Posting'}: {self.posts} posts"

    def emulate(self, engine: sa.Engine, choice: dict[str, Any]) -> dict[str, Any]:
        """Post or replay, and return the receipt."""
        from emulator.posting import post_batch
        from emulator.replay import replay_day

        choice = {"posts": int(self.posts), "topics": self.topics, **choice}
        if self.day:
            return replay_day(engine, day=self.day, kafka_config=self._kafka_config(), **choice)
        return post_batch(engine, **self.api(), **choice)

    def _kafka_config(self) -> dict[str, Any]:
        from pinpipe_airflow.hooks.kafka_config import KafkaConfigHook

        return KafkaConfigHook(self.kafka_conn_id).config()
