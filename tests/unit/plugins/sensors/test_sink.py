from __future__ import annotations

import pickle  # nosec B403 # of what it pickled itself
from datetime import UTC, datetime, timedelta

import pytest
from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, TaskDeferred
from pinpipe_airflow.sensors.sink import SinkCommittedSensor
from pinpipe_airflow.triggers.sink import SinkCommittedTrigger

ENDS = {"p.pin": {"0": 5, "1": 0}}


class Broker:
    """Offsets in memory; topics grow by one record whenever their ends are asked for."""

    def __init__(self, committed):
        self.committed = committed
        self.ends = {"p.pin": {"0": 5, "1": 0}}
        self.frozen = 0

    def end_offsets(self, topics):
        assert topics == ["p.pin"]
        self.frozen += 1
        return {topic: dict(partitions) for topic, partitions in self.ends.items()}

    def committed_offsets(self, group, partitions):
        assert group == "connect-sink"
        return self.committed


def sensor(committed, **given):
    operator = SinkCommittedSensor(task_id="wait", connector="sink", topics=["p.pin"], **given)
    operator.hook = Broker(committed)
    return operator


def caught_up():
    return {"p.pin": {"0": 5, "1": 0}}


def behind():
    return {"p.pin": {"0": 3, "1": 0}}


def deferral(operator):
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({})
    return deferred.value


def test_a_sink_that_has_caught_up_is_not_waited_for():
    assert sensor(caught_up()).execute({}) == ENDS


def test_an_empty_topic_that_no_group_ever_read_is_not_waited_for():
    operator = sensor({"p.pin": {"0": 0, "1": 0}})
    operator.hook.ends = {"p.pin": {"0": 0, "1": 0}}
    assert operator.execute({}) == {"p.pin": {"0": 0, "1": 0}}


def test_a_sink_that_is_behind_is_waited_for_by_a_trigger_with_the_frozen_offsets():
    deferred = deferral(sensor(behind(), timeout=60, poke_interval=7, kafka_conn_id="k", kafka_connect_conn_id="c"))
    assert isinstance(deferred.trigger, SinkCommittedTrigger)
    path, arguments = deferred.trigger.serialize()
    assert path == f"{SinkCommittedTrigger.__module__}.{SinkCommittedTrigger.__qualname__}"
    deadline = datetime.fromisoformat(arguments.pop("deadline"))
    assert timedelta(seconds=50) < deadline - datetime.now(UTC) <= timedelta(seconds=60)
    assert arguments == {
        "connector": "sink",
        "group": "connect-sink",
        "wanted": ENDS,
        "kafka_conn_id": "k",
        "poll_interval": 7,
        "kafka_connect_conn_id": "c",
        "stores": "values",
    }


def test_records_that_come_later_do_not_prolong_the_wait():
    operator = sensor(behind())
    deferred = deferral(operator)
    operator.hook.ends["p.pin"]["0"] = 99
    event = {"status": "committed", "wanted": deferred.trigger.wanted}
    assert getattr(operator, deferred.method_name)({}, event) == ENDS
    assert operator.hook.frozen == 1


def test_until_the_moment_has_come_nothing_is_frozen_and_no_worker_waits():
    moment = datetime.now(UTC) + timedelta(minutes=10)
    operator = sensor(behind(), not_before=moment.isoformat())
    deferred = deferral(operator)
    assert isinstance(deferred.trigger, DateTimeTrigger)
    assert deferred.trigger.moment == moment
    assert operator.hook.frozen == 0
    with pytest.raises(TaskDeferred) as again:
        getattr(operator, deferred.method_name)({}, moment)
    assert again.value.trigger.wanted == ENDS


@pytest.mark.parametrize("moment", [None, "", "2020-01-01T00:00:00+00:00"])
def test_a_moment_that_has_passed_is_not_waited_for(moment):
    assert sensor(caught_up(), not_before=moment).execute({}) == ENDS


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        sensor(caught_up(), not_before="2026-01-01T00:00:00").execute({})


def test_a_timeout_names_every_partition_that_is_behind():
    event = {"status": "timeout", "wanted": ENDS, "lag": {"p.pin-0": 2}, "problem": ""}
    with pytest.raises(AirflowSensorTimeout, match=r"'sink'.*900 s ago: p\.pin-0: 2 records;.*clear this task"):
        sensor(behind()).execute_complete({}, event)


def test_a_timeout_says_when_the_brokers_did_not_answer():
    event = {"status": "timeout", "wanted": ENDS, "lag": {}, "problem": "brokers are down"}
    with pytest.raises(AirflowSensorTimeout, match="brokers are down"):
        sensor(behind()).execute_complete({}, event)


def test_a_sink_that_has_failed_is_told_with_its_reason_and_the_way_out():
    event = {"status": "failed", "wanted": ENDS, "lag": {"p.pin-0": 2}, "problem": "task 0: no bucket 'b'"}
    with pytest.raises(
        AirflowFailException, match=r"'sink' has FAILED.*p\.pin-0: 2 records: task 0: no bucket 'b'.*clear"
    ):
        sensor(behind()).execute_complete({}, event)


def test_without_a_triggerer_the_worker_looks_until_the_same_offsets_are_committed():
    operator = sensor(behind(), deferrable=False, poke_interval=0.01)
    looks = []

    def commit_at_the_third_look(group, partitions):
        looks.append(partitions)
        operator.hook.ends["p.pin"]["0"] += 1
        return caught_up() if len(looks) == 3 else behind()

    operator.hook.committed_offsets = commit_at_the_third_look
    assert operator.execute({}) == ENDS
    assert looks == [ENDS] * 3


def test_what_a_triggerer_gets_survives_a_restart():
    trigger = deferral(sensor(behind())).trigger
    _, arguments = pickle.loads(pickle.dumps(trigger.serialize()))  # nosec B301 # of what it pickled itself
    assert SinkCommittedTrigger(**arguments).serialize() == trigger.serialize()
