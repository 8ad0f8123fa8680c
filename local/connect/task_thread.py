"""A sink task's life: its thread, its state as the REST API tells it, and why it failed."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from contextlib import closing

from confluent_kafka import KafkaError, KafkaException

from local.connect.dead_letters import DeadLetters, Origin
from local.connect.object_store import ObjectStore, StoreUnavailableError
from local.connect.sink_config import SinkConfig
from local.connect.sink_task import SinkTask

log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 30.0
_PREPARE_AGAIN_S = 1.0
_BROKER_AWAY = {KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}


class TaskThread:
    """Runs one sink task until it is stopped or fails; a failed one stays failed until it is restarted.

    :param config: the connector's configuration.
    :param number: the task's number.
    :param bootstrap_servers: ``host:port`` of the broker.
    :param paused: whether it begins at rest.
    """

    def __init__(self, config: SinkConfig, number: int, bootstrap_servers: str, *, paused: bool) -> None:
        self._config = config
        self._number = number
        self._bootstrap_servers = bootstrap_servers
        self._label = f"{config.name}-{number}"
        self._paused = paused
        self._stopping = threading.Event()
        self._state = "UNASSIGNED"
        self.trace: str | None = None
        self._thread = threading.Thread(target=self._run, name=self._label, daemon=True)
        self._thread.start()

    @property
    def state(self) -> str:
        """``UNASSIGNED`` (starting, or waiting for S3 or Kafka to start), ``RUNNING``, ``PAUSED`` or ``FAILED``."""
        return "PAUSED" if self._paused and self._state == "RUNNING" else self._state

    def pause(self, paused: bool) -> None:
        """Let the task rest, or go on."""
        self._paused = paused

    def ask_to_stop(self) -> None:
        """Ask the task to stop; :meth:`wait` for it."""
        self._stopping.set()

    def wait(self) -> None:
        """Wait until the task has left its group."""
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            log.error("%s: still stopping after %.0f s: left to itself", self._label, STOP_TIMEOUT_S)

    def _run(self) -> None:
        try:
            store = ObjectStore(self._config.bucket, self._config.region)
            dead_letters = self._dead_letters()
            self._insist(store.check)
            if dead_letters is not None:
                self._insist(dead_letters.create_topic_if_missing)
            with closing(
                SinkTask(
                    self._config,
                    self._bootstrap_servers,
                    label=self._label,
                    store=store,
                    dead_letters=dead_letters,
                )
            ) as task:
                self._state = "RUNNING"
                while not self._stopping.is_set():
                    task.step(paused=self._paused)
        except Exception:
            # Whatever it is, the status tells it.
            self.trace = traceback.format_exc()
            self._state = "FAILED"
            log.exception("%s failed: restart it when the cause is gone", self._label)

    def _dead_letters(self) -> DeadLetters | None:
        if self._config.dead_letter_topic is None:
            return None
        return DeadLetters(
            self._bootstrap_servers,
            self._config.dead_letter_topic,
            replication=self._config.dead_letter_replication,
            with_headers=self._config.dead_letter_headers,
            origin=Origin(self._config.name, self._number),
        )

    def _insist(self, prepare: Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                prepare()
            except StoreUnavailableError as error:
                log.warning("%s: waits for S3: %s", self._label, error)
            except KafkaException as error:
                reason = error.args[0]
                if not reason.retriable() and reason.code() not in _BROKER_AWAY:
                    raise
                log.warning("%s: waits for Kafka: %s", self._label, reason.str())
            else:
                return
            self._stopping.wait(_PREPARE_AGAIN_S)
