"""The start of the streaming job: what waits until no other run is at work."""

from argparse import Namespace
from datetime import timedelta
from threading import Event, Thread
from types import SimpleNamespace

import pytest

from spark_jobs import clean_stream, tables

pytestmark = pytest.mark.spark

OPTIONS = Namespace(
    streams=["p-geo"], bucket="b", lake="file:/lake", pipeline_id="p", trigger_ms=500, run_id="7", region="us-east-1"
)


class Control:
    """The part of ``StreamControl`` that the start asks."""

    def __init__(self):
        self.stop = Event()

    def raise_if_taken_over(self):
        pass


@pytest.fixture
def seen(monkeypatch):
    """What is done in order; Spark, Kinesis and S3 are left out."""
    seen, reached = [], Event()
    replaced = {
        "creation_times": lambda *_: {},
        "epoch_of": lambda _: "epoch",
        "known_epochs": lambda *_: ["epoch"],
        "_watch_epoch": lambda *_: None,
        "spark_session": lambda _: "session",
        "configure": lambda _: None,
        "_records": lambda *_: "records",
        "BatchColumns": lambda: "columns",
        "longest_retention": lambda *_: timedelta(days=1),
        "run_stream": lambda *_: seen.append("stream"),
    }
    for name, replacement in replaced.items():
        monkeypatch.setattr(clean_stream, name, replacement)

    def require_tables(*_):
        reached.set()
        return ["geo"]

    monkeypatch.setattr(clean_stream, "require_tables", require_tables)
    monkeypatch.setattr(tables, "add_columns", lambda *arguments: seen.append(arguments[2:]))
    return SimpleNamespace(steps=seen, waiting=reached)


def start(heartbeat, control):
    aws = SimpleNamespace(client=lambda *_, **__: None)
    started = Thread(target=clean_stream._clean, args=(OPTIONS, aws, heartbeat, control), daemon=True)
    started.start()
    return started


def test_columns_are_added_only_when_no_other_run_is_at_work(seen):
    heartbeat = SimpleNamespace(alone=Event(), change=lambda **_: None)
    started = start(heartbeat, Control())
    assert seen.waiting.wait(10)
    started.join(1)
    assert (started.is_alive(), seen.steps) == (True, [])
    heartbeat.alone.set()
    started.join(10)
    assert seen.steps == [("speed", ["geo"]), "stream"]


def test_a_run_that_is_to_stop_meanwhile_changes_no_table(seen):
    heartbeat, control = SimpleNamespace(alone=Event(), change=lambda **_: None), Control()
    started = start(heartbeat, control)
    assert seen.waiting.wait(10)
    control.stop.set()
    started.join(10)
    assert (started.is_alive(), seen.steps) == (False, [])
