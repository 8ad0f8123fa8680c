from __future__ import annotations

import asyncio
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from confluent_kafka import KafkaError, KafkaException
from pinpipe_airflow.hooks.kafka_connect import ConnectorStatus, KafkaConnectHook
from pinpipe_airflow.hooks.kafka_offsets import KafkaOffsetsHook
from pinpipe_airflow.triggers import sink as triggers
from pinpipe_airflow.triggers.sink import SinkCommittedTrigger

WANTED = {"p.pin": {"0": 5}}


def trigger(seconds=60.0, **given):
    return SinkCommittedTrigger(
        connector="sink",
        group="connect-sink",
        wanted=WANTED,
        deadline=(datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(),
        kafka_conn_id="k",
        poll_interval=0.01,
        **given,
    )


@pytest.fixture
def answers(monkeypatch):
    """What the brokers answer, one after the other; the last one stays."""
    left = []

    def committed_offsets(self, group, partitions):
        assert (self.kafka_config_id, group, partitions) == ("k", "connect-sink", WANTED)
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return {"p.pin": {"0": answer}}

    monkeypatch.setattr(KafkaOffsetsHook, "committed_offsets", committed_offsets)
    return left


async def only_event(waiting):
    events = [event.payload async for event in waiting.run()]
    assert len(events) == 1
    return events[0]


def test_it_fires_once_the_offsets_are_committed(answers):
    answers += [0, 3, 5]
    assert asyncio.run(only_event(trigger())) == {"status": "committed", "wanted": WANTED}


def test_at_the_deadline_it_tells_what_is_missing(answers):
    answers += [3]
    event = asyncio.run(only_event(trigger(seconds=0.05)))
    assert event == {"status": "timeout", "wanted": WANTED, "lag": {"p.pin-0": 2}, "problem": ""}


def test_brokers_that_do_not_answer_are_waited_for(answers):
    answers += [KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN)), 5]
    assert asyncio.run(only_event(trigger()))["status"] == "committed"


def test_brokers_that_never_answer_are_the_problem_that_it_tells(answers):
    answers += [KafkaException(KafkaError(KafkaError._ALL_BROKERS_DOWN))]
    event = asyncio.run(only_event(trigger(seconds=0.05)))
    assert event["status"] == "timeout"
    assert "_ALL_BROKERS_DOWN" in event["problem"]


@pytest.fixture
def states(monkeypatch):
    """How the sink is, one look after the other; the last one stays."""
    left = []

    def status(self, connector):
        assert (self.kafka_connect_conn_id, connector) == ("c", "sink")
        state = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(state, Exception):
            raise state
        return state

    monkeypatch.setattr(KafkaConnectHook, "status", status)
    monkeypatch.setattr(triggers, "FAILURE_STANDS_AFTER_S", 0.2)
    return left


RUNNING = ConnectorStatus("RUNNING", {0: "RUNNING"})
FAILED = ConnectorStatus("RUNNING", {0: "FAILED"}, {"task 0": "Traceback …:\n  File x\nRefused: no bucket 'b'"})


def test_a_sink_that_stays_failed_is_not_waited_for(answers, states):
    answers += [3]
    states += [RUNNING, FAILED]
    started = time.monotonic()
    event = asyncio.run(only_event(trigger(kafka_connect_conn_id="c")))
    assert time.monotonic() - started >= 0.2
    assert event == {
        "status": "failed", "wanted": WANTED, "lag": {"p.pin-0": 2}, "problem": "task 0: Refused: no bucket 'b'",
    }  # fmt: skip


def test_a_failure_from_before_a_restart_is_not_taken_for_the_sinks_state(answers, states, monkeypatch):
    monkeypatch.setattr(triggers, "FAILURE_STANDS_AFTER_S", 30)
    answers += [3] * 20 + [5]
    states += [FAILED] * 5 + [RUNNING]
    assert asyncio.run(only_event(trigger(kafka_connect_conn_id="c")))["status"] == "committed"


def test_a_failure_counts_from_the_first_look_after_one_that_told_of_none(monkeypatch):
    now = 0.0
    monkeypatch.setattr(triggers, "time", SimpleNamespace(monotonic=lambda: now))
    failure = triggers._Failure()
    told = []
    for now, why in [(0.0, "why"), (9.0, "why"), (9.5, ""), (12.0, "why"), (21.9, "why"), (22.0, "why")]:  # noqa: B007
        told.append(failure.stands(why, {"p.pin-0": 2}))
    assert told == [False, False, False, False, False, True]


def test_a_sink_whose_other_tasks_go_on_is_waited_for(answers, states, monkeypatch):
    monkeypatch.setattr(triggers, "FAILURE_STANDS_AFTER_S", 0.05)
    monkeypatch.setitem(WANTED["p.pin"], "0", 40)
    answers += range(41)  # a record is committed between each two looks
    states += [FAILED]
    assert asyncio.run(only_event(trigger(kafka_connect_conn_id="c")))["status"] == "committed"


def test_a_sink_that_failed_after_its_work_is_none_of_its_business(answers, states):
    answers += [5]
    states += [FAILED]
    assert asyncio.run(only_event(trigger(kafka_connect_conn_id="c")))["status"] == "committed"


@pytest.mark.parametrize(
    "state",
    [
        None,
        RuntimeError("answers 503"),
        ConnectionError("refused"),
        AirflowNotFoundException("no 'c'"),
        KeyError("connector"),
        TypeError("'NoneType' object is not subscriptable"),
    ],
)
def test_a_sink_whose_state_is_not_told_is_waited_for(answers, states, state):
    answers += [3, 5]
    states += [state]
    assert asyncio.run(only_event(trigger(kafka_connect_conn_id="c")))["status"] == "committed"


@pytest.fixture
def black_hole(monkeypatch):
    """A Kafka Connect that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = {"conn_type": "http", "host": "127.0.0.1", "port": server.getsockname()[1]}
        monkeypatch.setenv("AIRFLOW_CONN_HOLE", json.dumps(address))
        yield


def test_a_kafka_connect_that_says_nothing_holds_up_neither_the_offsets_nor_the_deadline(
    answers, black_hole, monkeypatch
):
    monkeypatch.setattr(triggers, "STATUS_TIMEOUT_S", 0.3)
    answers += [3, 5]
    started = time.monotonic()
    assert asyncio.run(only_event(trigger(kafka_connect_conn_id="hole")))["status"] == "committed"
    assert 0.3 <= time.monotonic() - started < 2
    answers[:] = [3]
    monkeypatch.setattr(triggers, "STATUS_TIMEOUT_S", 1.5)

    async def until_the_event():
        started = time.monotonic()
        event = await only_event(trigger(seconds=0.3, kafka_connect_conn_id="hole"))
        return event["status"], time.monotonic() - started

    status, took = asyncio.run(until_the_event())
    assert status == "timeout"
    assert took < 1


@pytest.fixture
def left(monkeypatch):
    """What is left to store, one look after the other; the last one stays."""
    answers = []

    def left_to_store(self, wanted, committed, stores):
        assert (wanted, committed, stores) == (WANTED, {"p.pin": {"0": 3}}, "json_objects")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(KafkaOffsetsHook, "left_to_store", left_to_store)
    monkeypatch.setattr(triggers, "STANDSTILL_S", 0.05)
    return answers


@pytest.mark.parametrize("before", [[], [["p.pin-0"]], [TimeoutError("no answer")]])
def test_records_that_the_sink_does_not_store_are_not_waited_for(answers, left, before):
    answers += [0, 3]
    left += [*before, []]
    event = asyncio.run(only_event(trigger(stores="json_objects")))
    assert event == {"status": "committed", "wanted": WANTED}
    assert left == [[]]


def test_records_that_it_has_yet_to_store_are_waited_for(answers, left):
    answers += [3]
    left += [["p.pin-0"]]
    assert asyncio.run(only_event(trigger(seconds=0.4, stores="json_objects")))["status"] == "timeout"


def test_a_sink_that_does_not_tell_how_it_is_may_not_have_read_what_is_left(answers, left, states):
    answers += [3]
    left += [[]]
    states += [ConnectionError("refused")]
    told = asyncio.run(only_event(trigger(seconds=0.4, kafka_connect_conn_id="c", stores="json_objects")))
    assert told["status"] == "timeout"
    states[:] = [RUNNING]
    assert asyncio.run(only_event(trigger(kafka_connect_conn_id="c", stores="json_objects")))["status"] == "committed"


def test_a_sink_that_goes_on_is_not_looked_into(answers, left, monkeypatch):
    monkeypatch.setattr(triggers, "STANDSTILL_S", 60)
    answers += [3, 5]
    left += [RuntimeError("nobody asked")]
    assert asyncio.run(only_event(trigger(stores="json_objects")))["status"] == "committed"


def test_any_other_error_is_raised(answers):
    answers += [ValueError("no bootstrap servers")]
    with pytest.raises(ValueError, match="no bootstrap servers"):
        asyncio.run(only_event(trigger()))


def test_a_slow_broker_does_not_hold_up_other_triggers(monkeypatch):
    def slow(self, group, partitions):
        time.sleep(0.5)
        return {"p.pin": {"0": 5}}

    monkeypatch.setattr(KafkaOffsetsHook, "committed_offsets", slow)

    async def main():
        gaps = []

        async def beat():
            last = time.monotonic()
            while True:
                await asyncio.sleep(0.01)
                gaps.append(time.monotonic() - last)
                last = time.monotonic()

        heart = asyncio.create_task(beat())
        started = time.monotonic()
        # Two at once: each in a thread of its own.
        await asyncio.gather(only_event(trigger()), only_event(trigger()))
        heart.cancel()
        return time.monotonic() - started, max(gaps)

    took, longest_gap = asyncio.run(main())
    assert took < 0.95
    assert longest_gap < 0.3


def test_serialize_gives_the_import_path_and_every_argument():
    path, arguments = trigger().serialize()
    assert path == "pinpipe_airflow.triggers.sink.SinkCommittedTrigger"
    assert set(arguments) == {
        "connector",
        "group",
        "wanted",
        "deadline",
        "kafka_conn_id",
        "poll_interval",
        "kafka_connect_conn_id",
        "stores",
    }
    # It goes through JSON into the database, and to whichever triggerer takes it.
    again = SinkCommittedTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
