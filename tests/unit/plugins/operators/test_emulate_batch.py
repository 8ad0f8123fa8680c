from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from pinpipe_airflow.hooks.rest_api import ApiGatewayHook
from pinpipe_airflow.operators.emulate_batch import EmulateBatchOperator

from emulator.database import open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.receipt import PostingError, PostingStoppedError
from emulator.source import create_tables

TOPICS = {"pin": "p.pin", "geo": "p.geo", "user": "p.user"}
NOBODY = {"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:9"}}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("source") / "source.db"
    engine = open_engine(f"sqlite:///{file}")
    create_tables(engine)
    load_posts(engine, generate_posts(30, 1))
    engine.dispose()
    return file


class Api(ThreadingHTTPServer):
    """A REST proxy that counts what it takes, refuses, or never answers."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies = []
        self.keys = set()
        self.behaviour = "accept"
        self.released = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.bodies.append((self.path, [record["key"] for record in body["records"]]))
        self.server.keys.add(self.headers["x-api-key"])
        if self.server.behaviour == "silent":
            self.server.released.wait(120)
            return
        if self.server.behaviour == "refuse":
            self.send_error(403)
            return
        offsets = [
            {"partition": 0, "offset": n, "error_code": None, "error": None} for n in range(len(body["records"]))
        ]
        answer = json.dumps({"offsets": offsets}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def api():
    server = Api()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def emulate(api, source, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_SOURCE", json.dumps({"conn_type": "sqlite", "schema": str(source)}))
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_API", json.dumps({"conn_type": "http", "password": "the-api-key"}))
    monkeypatch.setattr(ApiGatewayHook, "get_invoke_url", lambda self, name, url_format: api.url)

    def make(**given):
        return EmulateBatchOperator(
            task_id="emulate",
            rest_api_name="p",
            api_stage="prod",
            api_url_format="{api_id}",
            topics=TOPICS,
            **{"posts": 10, **given},
        )

    return make


def context(run_id="manual__1"):
    pushed = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.__setitem__(key, value))
    return {"run_id": run_id, "ti": ti, "pushed": pushed}


def posted(api):
    return sorted(api.bodies)


def test_a_run_returns_the_emulators_receipt(api, emulate):
    receipt = emulate().execute(context())
    assert receipt["posts"] == 10
    assert receipt["records"] == {topic: {"posted": 10, "failed": 0} for topic in TOPICS.values()}
    assert {path for path, _ in api.bodies} == {f"/prod/topics/{topic}" for topic in TOPICS.values()}
    assert api.keys == {"the-api-key"}
    json.dumps(receipt)


def test_a_retried_try_posts_the_same_posts(api, emulate):
    emulate().execute(context("manual__1"))
    first = posted(api)
    api.bodies.clear()
    emulate().execute(context("manual__1"))
    assert posted(api) == first


def test_another_run_posts_others(api, emulate):
    emulate().execute(context("manual__1"))
    first = posted(api)
    api.bodies.clear()
    emulate().execute(context("manual__2"))
    assert posted(api) != first


def test_a_seed_decides_whatever_the_run(api, emulate):
    emulate(seed=7).execute(context("manual__1"))
    first = posted(api)
    api.bodies.clear()
    emulate(seed="7").execute(context("manual__2"))
    assert posted(api) == first


def test_a_run_that_could_not_post_everything_fails_and_leaves_its_receipt(api, emulate):
    api.behaviour = "refuse"
    task = context()
    with pytest.raises(PostingError, match="30 of 30 records were not posted"):
        emulate().execute(task)
    assert task["pushed"]["receipt"]["records"]["p.pin"] == {"posted": 0, "failed": 10}


@pytest.mark.parametrize("day", ["2999-01-01", "yesterday", "2026-02-30"])
def test_a_day_that_cannot_be_replayed_fails_the_task_without_another_try(emulate, monkeypatch, day):
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", json.dumps(NOBODY))
    with pytest.raises(AirflowFailException, match=f"day='?{day}'? is (to come|not a date)"):
        emulate(day=day).execute(context())


@pytest.mark.parametrize(
    ("given", "replayed"),
    [
        ({"day": "2024-02-29"}, {"day": "2024-02-29", "days": 1}),
        ({"day": "2024-02-29", "days": "3"}, {"day": "2024-02-29", "days": 3}),
        ({"days": 30}, {"day": "2026-11-19", "days": 30}),
    ],
)
def test_days_end_with_the_day_given_or_the_day_before_the_run_was_asked_for(emulate, monkeypatch, given, replayed):
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", json.dumps(NOBODY))
    asked_for = []
    monkeypatch.setattr("emulator.replay.replay_days", lambda _, **arguments: asked_for.append(arguments))
    asked_at = datetime(2026, 11, 21, 1, tzinfo=timezone(timedelta(hours=2)))
    emulate(**given).execute(context() | {"dag_run": SimpleNamespace(run_after=asked_at)})
    assert [{name: arguments[name] for name in ("day", "days")} for arguments in asked_for] == [replayed]


def test_days_that_are_none_fail_the_task_without_another_try(emulate, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_DEFAULT", json.dumps(NOBODY))
    with pytest.raises(AirflowFailException, match="days=0: ask for at least 1 day"):
        emulate(day="2024-02-29", days=0).execute(context())


def test_an_error_of_another_kind_is_left_to_another_try(emulate, monkeypatch):
    def fail(*_):
        raise ValueError("a moment's trouble")

    monkeypatch.setattr(ApiGatewayHook, "get_invoke_url", fail)
    with pytest.raises(ValueError, match="a moment's trouble"):
        emulate().execute(context())


def test_a_start_that_is_no_post_number_fails_the_task_without_another_try(emulate):
    with pytest.raises(AirflowFailException, match=f"start={2**63}: post numbers lie between"):
        emulate(selection="sequential", start=2**63).execute(context())


def test_a_killed_task_does_not_wait_for_an_answer(api, emulate):
    api.behaviour = "silent"
    operator = emulate()
    threading.Timer(0.5, operator.on_kill).start()
    started = time.monotonic()
    with pytest.raises(PostingStoppedError, match="stopped as asked"):
        operator.execute(context())
    assert time.monotonic() - started < 30  # an answer would be waited for longer
