"""The operator that posts to topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.operators.emulate import EmulateOperator

if TYPE_CHECKING:
    import sqlalchemy as sa
    from airflow.sdk import Context


class EmulateBatchOperator(EmulateOperator):
    """Posts posts from the source database through the REST API, or replays past days to the brokers.

    Takes what :class:`~pinpipe_airflow.operators.emulate.EmulateOperator` takes, returns and raises what it does, and:

    :param topics: topic of each data set. (templated)
    :param posts: number of posts; of a replay, of each day. (templated)
    :param day: past day to replay, ``YYYY-MM-DD``; ``None``, and no ``days``, posts now through the API. (templated)
    :param days: how many days to replay, the last of which is ``day``, or the day before the run was asked for, UTC;
        ``None`` for one. (templated)
    :param kafka_conn_id: the Airflow connection to the brokers, for replays.
    :return: the emulator's receipt: counts, offsets and days. A failed run leaves it as the XCom ``receipt``.
    :raises AirflowFailException: when an argument is out of its limits, such as a day to come; no other try is made.
    """

    template_fields: Sequence[str] = (*EmulateOperator.template_fields, "topics", "posts", "day", "days")

    def __init__(
        self,
        *,
        topics: Mapping[str, str],
        posts: int | str,
        day: str | None = None,
        days: int | str | None = None,
        kafka_conn_id: str = "kafka_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.topics = topics
        self.posts = posts
        self.day = day
        self.days = days
        self.kafka_conn_id = kafka_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the emulator, and return the receipt; every try of a run replays the same days."""
        if self.days is not None and not self.day:
            self.day = _day_before(context["dag_run"].run_after)
        return super().execute(context)

    def what(self) -> str:
        """Return what is posted or replayed."""
        if not self.day:
            return f"Posting: {self.posts} posts"
        return f"Replay of {self.days or 1} days until {self.day}: {self.posts} posts each"

    def emulate(self, engine: sa.Engine, choice: dict[str, Any]) -> dict[str, Any]:
        """Post or replay, and return the receipt."""
        from emulator.posting import post_batch
        from emulator.replay import replay_days

        choice = {"posts": int(self.posts), "topics": self.topics, **choice}
        if self.day:
            days = 1 if self.days is None else int(self.days)
            return replay_days(engine, day=self.day, days=days, kafka_config=self._kafka_config(), **choice)
        return post_batch(engine, **self.api(), **choice)

    def _kafka_config(self) -> dict[str, Any]:
        from pinpipe_airflow.hooks.kafka_config import KafkaConfigHook

        return KafkaConfigHook(self.kafka_conn_id).config()


def _day_before(moment: datetime) -> str:
    return (moment.astimezone(UTC).date() - timedelta(days=1)).isoformat()
