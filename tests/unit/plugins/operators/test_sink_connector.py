from __future__ import annotations

from types import SimpleNamespace

import pytest
from pinpipe_airflow.hooks.kafka_connect import ConnectorStatus
from pinpipe_airflow.operators import sink_connector
from pinpipe_airflow.operators.sink_connector import SinkConnectorOperator

from include.settings import settings

STARTING = ConnectorStatus("RUNNING")
RUNNING = ConnectorStatus("RUNNING", {0: "RUNNING"})
FAILED = ConnectorStatus("RUNNING", {0: "RUNNING", 1: "FAILED"}, {"task 1": "java.lang.Boom: no bucket"})


class Connectors:
    """A backend in memory; statuses come one after the other, and the last one stays."""

    def __init__(self, *statuses, config=None):
        self.configs = dict(config or {})
        self.statuses = list(statuses)
        self.puts = 0
        self.restarts = 0

    def config(self, connector):
        return self.configs.get(connector)

    def put(self, connector, config):
        self.puts += 1
        self.configs[connector] = dict(config)

    def status(self, connector):
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def restart_failed(self, connector):
        self.restarts += 1
        self.statuses = [STARTING, RUNNING]


def ensure(backend, definition="sink", timeout=5.0):
    operator = SinkConnectorOperator(task_id="sink", definition=definition, poll_interval=0.01, timeout=timeout)
    operator.hook = backend
    return operator.execute({})


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time passes by waiting alone, however busy the machine is."""
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr(sink_connector, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    monkeypatch.setattr(sink_connector, "FAILURE_STANDS_AFTER_S", 0.05)


@pytest.mark.parametrize(
    ("definition", "name"), [("sink", settings().sink_connector), ("dead_letter", settings().dead_letter_connector)]
)
def test_a_declared_connector_is_created_with_the_settings_filled_in(definition, name):
    backend = Connectors(None, STARTING, RUNNING)
    assert ensure(backend, definition) == {"changed": True, "connector": name, "actions": ["created"]}
    config = backend.configs[name]
    assert config["name"] == name
    assert config["s3.bucket.name"] == settings().bucket
    assert not any("<<" in value for value in config.values())
    assert all(isinstance(value, str) for value in config.values())


def test_a_second_time_changes_nothing(capsys):
    backend = Connectors(None, RUNNING)
    ensure(backend)
    assert ensure(backend) == {"changed": False, "connector": settings().sink_connector, "actions": []}
    assert backend.puts == 1
    assert "already exists" in capsys.readouterr().out


def test_only_what_differs_is_told_and_by_name_alone(capsys):
    backend = Connectors(RUNNING)
    ensure(backend)
    backend.configs[settings().sink_connector] |= {"flush.size": "7", "aws.secret.access.key": "hush"}
    assert ensure(backend)["actions"] == ["updated aws.secret.access.key", "updated flush.size"]
    log = capsys.readouterr().out
    assert "flush.size" in log
    assert "hush" not in log
    assert "aws.secret.access.key" not in backend.configs[settings().sink_connector]


def test_it_waits_until_connector_and_tasks_run():
    backend = Connectors(
        None, ConnectorStatus("UNASSIGNED"), STARTING, ConnectorStatus("RUNNING", {0: "UNASSIGNED"}), RUNNING
    )
    ensure(backend)
    assert backend.statuses == [RUNNING]


def test_a_failure_that_stands_is_told_with_its_trace():
    with pytest.raises(RuntimeError, match=r"failed .*task 1 FAILED.*no bucket"):
        ensure(Connectors(None, FAILED))


def test_a_failure_from_before_an_update_is_not_taken_for_its_result():
    ensure(Connectors(FAILED, FAILED, STARTING, RUNNING))


def test_a_connector_that_failed_meanwhile_is_restarted_once():
    backend = Connectors(RUNNING)
    ensure(backend)
    backend.statuses = [FAILED]
    assert ensure(backend)["actions"] == ["restarted"]
    assert (backend.puts, backend.restarts) == (1, 1)


def test_a_connector_that_does_not_run_in_time_is_told_with_its_state():
    with pytest.raises(TimeoutError, match=r"PAUSED, no task.*resume it"):
        ensure(Connectors(ConnectorStatus("PAUSED")), timeout=0.05)


def planned(backend):
    operator = SinkConnectorOperator(task_id="sink", definition="sink", mode="plan")
    operator.hook = backend
    return operator.execute({})["planned"]


def test_a_plan_says_what_would_be_done_and_does_nothing():
    name = settings().sink_connector
    assert planned(Connectors(None)) == [f"create connector {name}"]
    backend = Connectors(RUNNING)
    ensure(backend)
    assert planned(backend) == []
    backend.configs[name] |= {"flush.size": "7"}
    assert planned(backend) == [f"change connector {name}: flush.size"]
    assert backend.configs[name]["flush.size"] == "7"


def test_a_plan_says_that_a_failed_connector_would_be_restarted():
    backend = Connectors(RUNNING)
    ensure(backend)
    backend.statuses = [FAILED]
    assert planned(backend) == [
        f"change connector {settings().sink_connector}: restart it, it has failed: task 1: java.lang.Boom: no bucket"
    ]
    assert backend.restarts == 0
