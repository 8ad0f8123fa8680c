"""The sensor that waits for a sink connector."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseSensorOperator, PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from pinpipe_airflow.hooks.kafka_offsets import KafkaOffsetsHook, Offsets, lag
from pinpipe_airflow.storable import Stores
from pinpipe_airflow.triggers.sink import SinkCommittedTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context


class SinkCommittedSensor(BaseSensorOperator):
    """Waits until a sink connector has stored everything that its topics hold now.

    At its first look it freezes the end offset of every partition; it is done when the connector's consumer group
    has committed at least those, which a sink does after storing the objects. Later records do not prolong it. The
    frozen offsets are arguments of the trigger, so they survive deferral and a restart of the triggerer.

    A sink that has FAILED stores nothing until a person has mended it: while it is behind, its state is asked too, and
    the wait ends when it was FAILED at every look for ``FAILURE_STANDS_AFTER_S`` and committed nothing meanwhile.

    A record at the end of a partition that the sink does not store holds up nobody: the trigger sees to that.

    A sink turns bad records into dead letters: wait for it first and then, with another sensor of this class, for
    the dead-letter connector.

    :param connector: name of the connector; its consumer group is ``connect-<connector>``. (templated)
    :param topics: the topics it reads. (templated)
    :param not_before: ISO 8601 moment before which nothing is frozen; waiting for it takes no worker slot. Empty or
        ``None`` for at once. (templated)
    :param kafka_conn_id: the Airflow connection to the brokers. (templated)
    :param kafka_connect_conn_id: the Airflow connection to Kafka Connect's REST API, asked whether the sink FAILED;
        ``None`` (also where the worker waits): it is not asked. (templated)
    :param stores: which records the sink stores: ``json_objects``, or all with ``values``.
    :param poke_interval: seconds between two looks, 5 or more.
    :param timeout: seconds to wait for the sink, counted from the first look.
    :param deferrable: whether the triggerer waits; otherwise the worker does.
    :return: the frozen offsets, by topic and partition.
    :raises AirflowSensorTimeout: names every partition that is behind and by how much.
    :raises AirflowFailException: when the sink has FAILED, with its reason.
    """

    template_fields: Sequence[str] = ("connector", "topics", "not_before", "kafka_conn_id", "kafka_connect_conn_id")

    def __init__(
        self,
        *,
        connector: str,
        topics: Sequence[str],
        not_before: str | None = None,
        kafka_conn_id: str = "kafka_default",
        kafka_connect_conn_id: str | None = None,
        stores: Stores = "values",
        poke_interval: float = 5,
        timeout: float = 900,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, mode="poke", **kwargs)
        self.connector = connector
        self.topics = topics
        self.not_before = not_before
        self.kafka_conn_id = kafka_conn_id
        self.kafka_connect_conn_id = kafka_connect_conn_id
        self.stores = stores
        self.deferrable = deferrable
        self._wanted: Offsets | None = None

    @cached_property
    def hook(self) -> KafkaOffsetsHook:
        """The hook that talks to the brokers."""
        return KafkaOffsetsHook(kafka_config_id=self.kafka_conn_id)

    def execute(self, context: Context) -> Any:
        """Wait for the moment and for the sink, each in the triggerer if it takes longer than one look."""
        if not self.deferrable:
            return super().execute(context)
        if (moment := self._moment()) and moment > datetime.now(UTC):
            self.log.info("Waiting until %s, when the day's records have settled", moment.isoformat())
            self.defer(trigger=DateTimeTrigger(moment), method_name="execute_at_moment")
        return self.execute_at_moment(context)

    def execute_at_moment(self, context: Context, event: Any = None) -> Offsets:
        """Freeze the end offsets and look once; leave the rest to the trigger."""
        wanted = self._freeze()
        if self._behind(wanted):
            self.defer(
                trigger=SinkCommittedTrigger(
                    connector=self.connector,
                    group=self._group,
                    wanted=wanted,
                    deadline=(datetime.now(UTC) + timedelta(seconds=float(self.timeout))).isoformat(),
                    kafka_conn_id=self.kafka_conn_id,
                    poll_interval=float(self.poke_interval),
                    kafka_connect_conn_id=self.kafka_connect_conn_id,
                    stores=self.stores,
                ),
                method_name="execute_complete",
            )
        return wanted

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Offsets:
        """Return the frozen offsets, or say which partitions are behind."""
        if event["status"] == "committed":
            self.log.info("%s has committed %s", self._group, event["wanted"])
            wanted: Offsets = event["wanted"]
            return wanted
        behind = ", ".join(f"{partition}: {records} records" for partition, records in event["lag"].items())
        if event["status"] == "failed":
            raise AirflowFailException(
                f"connector {self.connector!r} has FAILED and not stored {behind}: {event['problem']}; mend that, run "
                "the DAG provision, which restarts the connector, then clear this task"
            )
        raise AirflowSensorTimeout(
            f"connector {self.connector!r} has not stored what its topics held {float(self.timeout):g} s ago: "
            f"{behind or event['problem']}; see its status (GET /connectors/{self.connector}/status) and the log of "
            "Kafka Connect, then clear this task"
        )

    def poke(self, context: Context) -> PokeReturnValue:
        """Look from the worker, when the sensor is not deferrable."""
        if (moment := self._moment()) and moment > datetime.now(UTC):
            return PokeReturnValue(is_done=False)
        self._wanted = self._wanted or self._freeze()
        return PokeReturnValue(is_done=not self._behind(self._wanted), xcom_value=self._wanted)

    def _freeze(self) -> Offsets:
        wanted = self.hook.end_offsets(self.topics)
        self.log.info("Waiting until %s has committed %s", self._group, wanted)
        return wanted

    def _behind(self, wanted: Offsets) -> dict[str, int]:
        missing = lag(wanted, self.hook.committed_offsets(self._group, wanted))
        if missing:
            self.log.info("%s has %d records to commit: %s", self._group, sum(missing.values()), missing)
        return missing

    def _moment(self) -> datetime | None:
        if not self.not_before:
            return None
        moment = datetime.fromisoformat(self.not_before)
        if moment.tzinfo is None:
            raise ValueError(f"not_before={self.not_before!r} has no zone: write it with +00:00")
        return moment

    @property
    def _group(self) -> str:
        return f"connect-{self.connector}"
