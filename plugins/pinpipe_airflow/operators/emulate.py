"""What the operators that run the emulator share."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from pinpipe_airflow.source_url import sqlalchemy_url

if TYPE_CHECKING:
    import sqlalchemy as sa
    from airflow.sdk import Context


class EmulateOperator(BaseOperator):
    """Posts posts from the source database through the REST API.

    A retried try takes the same posts: a random choice without a seed is seeded with the run's id. What had been
    posted before is posted again, which cleaning recognises.

    :param rest_api_name: name of the REST API, whose address is looked up. (templated)
    :param api_stage: its stage. (templated)
    :param api_url_format: invoke URL without the stage, with ``{api_id}`` and ``{region}``. (templated)
    :param selection: ``random`` or ``sequential``. (templated)
    :param seed: of ``random``; ``None`` for one of the run's own. (templated)
    :param start: first post number of ``sequential``; ``None`` for the lowest. (templated)
    :param in_flight: requests at once.
    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region of the API.
    :param api_conn_id: the Airflow connection whose password is the API key.
    :param source_conn_id: the Airflow connection to the source database.
    :return: the emulator's receipt. A failed run leaves it as the XCom ``receipt``, a stopped one in its log too.
    :raises emulator.receipt.PostingError: when not every record was accepted, with how many and why.
    :raises AirflowFailException: when an argument is out of its limits; no other try is made.
    """

    template_fields: Sequence[str] = ("rest_api_name", "api_stage", "api_url_format", "selection", "seed", "start")

    def __init__(
        self,
        *,
        rest_api_name: str,
        api_stage: str,
        api_url_format: str,
        selection: Literal["random", "sequential"] | str = "random",
        seed: int | str | None = None,
        start: int | str | None = None,
        in_flight: int = 4,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        api_conn_id: str = "pinpipe_api",
        source_conn_id: str = "pinpipe_source",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rest_api_name = rest_api_name
        self.api_stage = api_stage
        self.api_url_format = api_url_format
        self.selection = selection
        self.seed = seed
        self.start = start
        self.in_flight = in_flight
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.api_conn_id = api_conn_id
        self.source_conn_id = source_conn_id
        # This variable tells the emulator that the task gets killed.
        self._killed = False

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the emulator, and return the receipt."""
        from emulator.arguments import RefusedArgumentError
        from emulator.database import open_engine
        from emulator.receipt import PostingError, PostingStoppedError

        url = sqlalchemy_url(BaseHook.get_connection(self.source_conn_id))
        engine = open_engine(url.render_as_string(hide_password=False))
        seed = _seed_of(context["run_id"]) if self.seed is None else int(self.seed)
        self.log.info("%s, %s, seed %s, start %s", self.what(), self.selection, seed, self.start)
        try:
            return self.emulate(engine, self._choice(seed))
        except PostingError as error:
            if isinstance(error, PostingStoppedError):
                self.log.info("Receipt: %s", json.dumps(error.receipt))
            context["ti"].xcom_push(key="receipt", value=error.receipt)
            raise
        except RefusedArgumentError as refused:
            raise AirflowFailException(str(refused)) from refused  # another try would be refused too
        finally:
            engine.dispose()

    def on_kill(self) -> None:
        """Let the emulator stop, which it does within two seconds."""
        self._killed = True

    @abstractmethod
    def what(self) -> str:
        """Return in a few words what the run is to do."""

    @abstractmethod
    def emulate(self, engine: sa.Engine, choice: dict[str, Any]) -> dict[str, Any]:
        """Run the emulator.

        :param choice: arguments that say which posts to take, and whether to stop.
        :return: the receipt.
        """

    def api(self) -> dict[str, Any]:
        """Return the arguments that say where the API is and how it is called."""
        from pinpipe_airflow.hooks.rest_api import ApiGatewayHook

        hook = ApiGatewayHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        return {
            "invoke_url": hook.get_invoke_url(self.rest_api_name, self.api_url_format),
            "stage": self.api_stage,
            "api_key": BaseHook.get_connection(self.api_conn_id).password or "",
            "in_flight": self.in_flight,
        }

    def _choice(self, seed: int) -> dict[str, Any]:
        return {
            "selection": self.selection,
            "seed": seed,
            "start": None if self.start is None else int(self.start),
            "should_stop": lambda: self._killed,
        }


def _seed_of(run_id: str) -> int:
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:4])
