"""The operator that runs the emulator."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from pinpipe_airflow.source_url import sqlalchemy_url

if TYPE_CHECKING:
    import sqlalchemy as sa
    from airflow.sdk import Context


class EmulateBatchOperator(BaseOperator):
    """Posts posts from the source database through the REST API, or replays a past day to the brokers.

    A retried try takes the same posts: a random choice without a seed is seeded with the run's id. What had been
    posted before is posted again, which cleaning recognises.

    :param rest_api_name: name of the REST API, whose address is looked up. (templated)
    :param api_stage: its stage. (templated)
    :param api_url_format: invoke URL without the stage, with ``{api_id}`` and ``{region}``. (templated)
    :param topics: topic of each data set. (templated)
    :param posts: number of posts. (templated)
    :param selection: ``random`` or ``sequential``. (templated)
    :param seed: of ``random``; ``None`` for one of the run's own. (templated)
    :param start: first post number of ``sequential``; ``None`` for the lowest. (templated)
    :param day: past day to replay, ``YYYY-MM-DD``; ``None`` posts now through the API. (templated)
    :param in_flight: requests at once.
    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region of the API.
    :param api_conn_id: the Airflow connection whose password is the API key.
    :param source_conn_id: the Airflow connection to the source database.
    :param kafka_conn_id: the Airflow connection to the brokers, for replays.
    :return: the emulator's receipt: counts, offsets and days. A failed run leaves it as the XCom ``receipt``.
    :raises emulator.receipt.PostingError: when not every record was accepted, with how many and why.
    :raises AirflowFailException: when an argument is out of its limits, such as a day to come; no other try is made.
    """

    template_fields: Sequence[str] = (
        "rest_api_name",
        "api_stage",
        "api_url_format",
        "topics",
        "posts",
        "selection",
        "seed",
        "start",
        "day",
    )

    def __init__(
        self,
        *,
        rest_api_name: str,
        api_stage: str,
        api_url_format: str,
        topics: Mapping[str, str],
        posts: int | str,
        selection: Literal["random", "sequential"] | str = "random",
        seed: int | str | None = None,
        start: int | str | None = None,
        day: str | None = None,
        in_flight: int = 4,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        api_conn_id: str = "pinpipe_api",
        source_conn_id: str = "pinpipe_source",
        kafka_conn_id: str = "kafka_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rest_api_name = rest_api_name
        self.api_stage = api_stage
        self.api_url_format = api_url_format
        self.topics = topics
        self.posts = posts
        self.selection = selection
        self.seed = seed
        self.start = start
        self.day = day
        self.in_flight = in_flight
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.api_conn_id = api_conn_id
        self.source_conn_id = source_conn_id
        self.kafka_conn_id = kafka_conn_id
        # This variable tells the emulator that the task gets killed.
        self._killed = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Post or replay, and return the receipt."""
        from emulator.arguments import RefusedArgumentError
        from emulator.database import open_engine
        from emulator.receipt import PostingError

        url = sqlalchemy_url(BaseHook.get_connection(self.source_conn_id))
        engine = open_engine(url.render_as_string(hide_password=False))
        seed = _seed_of(context["run_id"]) if self.seed is None else int(self.seed)
        self.log.info(
            "%s: %s posts, %s, seed %s, start %s",
            f"Replay of {self.day}" if self.day else "Posting",
            self.posts,
            self.selection,
            seed,
            self.start,
        )
        try:
            return self._run(engine, seed)
        except PostingError as error:
            context["ti"].xcom_push(key="receipt", value=error.receipt)
            raise
        except RefusedArgumentError as refused:
            raise AirflowFailException(str(refused)) from refused  # another try would be refused too
        finally:
            engine.dispose()

    def on_kill(self) -> None:
        """Let the emulator stop, which it does within a second."""
        self._killed = True

    def _run(self, engine: sa.Engine, seed: int) -> dict[str, Any]:
        from emulator.posting import post_batch
        from emulator.replay import replay_day

        choice: dict[str, Any] = {
            "posts": int(self.posts),
            "topics": self.topics,
            "selection": self.selection,
            "seed": seed,
            "start": None if self.start is None else int(self.start),
            "should_stop": lambda: self._killed,
        }
        if self.day:
            return replay_day(engine, day=self.day, kafka_config=self._kafka_config(), **choice)
        return post_batch(
            engine,
            invoke_url=self._invoke_url(),
            stage=self.api_stage,
            api_key=BaseHook.get_connection(self.api_conn_id).password or "",
            in_flight=self.in_flight,
            **choice,
        )

    def _invoke_url(self) -> str:
        from pinpipe_airflow.hooks.rest_api import ApiGatewayHook

        hook = ApiGatewayHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        return hook.get_invoke_url(self.rest_api_name, self.api_url_format)

    def _kafka_config(self) -> dict[str, Any]:
        from pinpipe_airflow.hooks.kafka_config import KafkaConfigHook

        return KafkaConfigHook(self.kafka_conn_id).config()


def _seed_of(run_id: str) -> int:
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:4])
