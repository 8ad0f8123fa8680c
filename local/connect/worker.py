"""The connectors of this process: made, changed, paused, restarted and deleted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from local.connect.connector_store import ConnectorStore, StoredConnector
from local.connect.errors import InvalidConfigError, already_exists, connector_not_found, task_not_found
from local.connect.sink_config import SinkConfig, sink_config


class Task(Protocol):
    """What the worker asks of a task."""

    trace: str | None

    @property
    def state(self) -> str:
        """State as the REST API tells it."""
        ...

    def pause(self, paused: bool) -> None:
        """Rest, or go on."""
        ...

    def ask_to_stop(self) -> None:
        """Begin to stop."""
        ...

    def wait(self) -> None:
        """Return when stopped."""
        ...


StartTask = Callable[[SinkConfig, int, bool], Task]


@dataclass
class _Connector:
    stored: StoredConnector
    tasks: list[Task] = field(default_factory=list)
    fault: str | None = None


class Worker:
    """Runs connectors and keeps what was asked for: first it is kept, then done, so what is told is never lost.

    :param worker_id: ``host:port`` as the status tells it.
    :param store: where the connectors are kept.
    :param start_task: starts a task for a configuration, a number and whether it begins paused.
    """

    def __init__(self, worker_id: str, store: ConnectorStore, start_task: StartTask) -> None:
        self._worker_id = worker_id
        self._store = store
        self._start_task = start_task
        self._connectors: dict[str, _Connector] = {}
        self._changing = threading.RLock()

    def start(self) -> None:
        """Start what was kept."""
        with self._changing:
            for name, stored in self._store.load().items():
                self._connectors[name] = _Connector(stored)
                self._run(name)

    def stop(self) -> None:
        """Stop every task; what was asked for stays kept."""
        with self._changing:
            _stop(task for connector in self._connectors.values() for task in connector.tasks)

    def names(self) -> list[str]:
        """Return the connectors' names, sorted."""
        return sorted(self._connectors)

    def create(self, config: dict[str, str]) -> dict[str, Any]:
        """Make a connector and return what ``GET /connectors/{name}`` tells.

        :raises ConnectError: 409 when it exists, 400 when its configuration is at fault.
        """
        with self._changing:
            if config["name"] in self._connectors:
                raise already_exists(config["name"])
            self.put(config)
            return self.info(config["name"])

    def put(self, config: dict[str, str]) -> bool:
        """Make or change a connector; return whether it is new. An equal configuration changes nothing.

        :raises InvalidConfigError: when the configuration is at fault; nothing changes then.
        """
        sink_config(config)
        name = config["name"]
        with self._changing:
            old = self._connectors.get(name)
            if old is not None and old.stored.config == config:
                return False
            stored = StoredConnector(config, paused=old is not None and old.stored.paused)
            self._store.save({**self._kept(), name: stored})
            if old is not None:
                _stop(old.tasks)
            self._connectors[name] = _Connector(stored)
            self._run(name)
            return old is None

    def delete(self, name: str) -> None:
        """Stop and forget a connector; its group's offsets stay in Kafka."""
        with self._changing:
            connector = self._connector(name)
            self._store.save({other: stored for other, stored in self._kept().items() if other != name})
            _stop(connector.tasks)
            del self._connectors[name]

    def pause(self, name: str, paused: bool) -> None:
        """Let a connector rest, or go on."""
        with self._changing:
            connector = self._connector(name)
            stored = StoredConnector(connector.stored.config, paused)
            self._store.save({**self._kept(), name: stored})
            connector.stored = stored
            for task in connector.tasks:
                task.pause(paused)

    def restart(self, name: str, *, include_tasks: bool, only_failed: bool) -> None:
        """Restart a connector as Connect does: its tasks only with ``include_tasks``.

        :param only_failed: leave tasks alone that have not failed.
        """
        with self._changing:
            connector = self._connector(name)
            if connector.fault is not None:
                self._run(name)
            if include_tasks:
                numbers = range(len(connector.tasks))
                self._restart(name, [n for n in numbers if not only_failed or connector.tasks[n].state == "FAILED"])

    def restart_task(self, name: str, number: int) -> None:
        """Restart one task.

        :raises ConnectError: 404 when there is none of this number.
        """
        with self._changing:
            if not 0 <= number < len(self._connector(name).tasks):
                raise task_not_found(name, number)
            self._restart(name, [number])

    def config(self, name: str) -> dict[str, str]:
        """Return a connector's configuration."""
        return self._connector(name).stored.config

    def info(self, name: str) -> dict[str, Any]:
        """Return what ``GET /connectors/{name}`` tells."""
        connector = self._connector(name)
        tasks = [{"connector": name, "task": number} for number in range(len(connector.tasks))]
        return {"name": name, "config": connector.stored.config, "tasks": tasks, "type": "sink"}

    def tasks(self, name: str) -> list[dict[str, Any]]:
        """Return what ``GET /connectors/{name}/tasks`` tells."""
        config = self.config(name)
        return [{"id": task, "config": config} for task in self.info(name)["tasks"]]

    def status(self, name: str) -> dict[str, Any]:
        """Return the state of a connector and its tasks, with the trace of what failed."""
        connector = self._connector(name)
        state = "PAUSED" if connector.stored.paused else "RUNNING"
        own = self._state("FAILED" if connector.fault else state, connector.fault)
        tasks = [{"id": number, **self._state(task.state, task.trace)} for number, task in enumerate(connector.tasks)]
        return {"name": name, "connector": own, "tasks": tasks, "type": "sink"}

    def task_status(self, name: str, number: int) -> dict[str, Any]:
        """Return the state of one task.

        :raises ConnectError: 404 when there is none of this number.
        """
        tasks: list[dict[str, Any]] = self.status(name)["tasks"]
        if not 0 <= number < len(tasks):
            raise task_not_found(name, number)
        return tasks[number]

    def failed(self) -> list[str]:
        """Return ``<connector>`` and ``<connector>-<task>`` of everything that failed."""
        found = []
        for name, connector in list(self._connectors.items()):
            found += [name] if connector.fault else []
            found += [f"{name}-{number}" for number, task in enumerate(connector.tasks) if task.state == "FAILED"]
        return found

    def _connector(self, name: str) -> _Connector:
        connector = self._connectors.get(name)
        if connector is None:
            raise connector_not_found(name)
        return connector

    def _run(self, name: str) -> None:
        connector = self._connectors[name]
        try:
            config = sink_config(connector.stored.config)
        except InvalidConfigError as error:  # kept by an older version that took it
            connector.fault = error.message
            return
        connector.fault = None
        paused = connector.stored.paused
        connector.tasks = [self._start_task(config, number, paused) for number in range(config.tasks_max)]

    def _restart(self, name: str, numbers: list[int]) -> None:
        connector = self._connector(name)
        _stop(connector.tasks[number] for number in numbers)
        config = sink_config(connector.stored.config)
        for number in numbers:
            connector.tasks[number] = self._start_task(config, number, connector.stored.paused)

    def _kept(self) -> dict[str, StoredConnector]:
        return {name: connector.stored for name, connector in self._connectors.items()}

    def _state(self, state: str, trace: str | None) -> dict[str, str]:
        told = {"state": state, "worker_id": self._worker_id}
        return {**told, "trace": trace} if trace is not None else told


def _stop(tasks: Iterable[Task]) -> None:
    stopping = list(tasks)
    for task in stopping:
        task.ask_to_stop()
    for task in stopping:
        task.wait()
