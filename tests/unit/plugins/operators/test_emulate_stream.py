from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException
from pinpipe_airflow.hooks.rest_api import ApiGatewayHook
from pinpipe_airflow.operators.emulate_stream import EmulateStreamOperator

from emulator.database import open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.receipt import PostingError, PostingStoppedError
from emulator.source import create_tables
from tests.unit.emulator.stream_api import STREAMS, StreamApi

STOPPED_TASK = Path(__file__).with_name("stopped_task.py")
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("source") / "source.db"
    engine = open_engine(f"sqlite:///{file}")
    create_tables(engine)
    load_posts(engine, generate_posts(30, 1))
    engine.dispose()
    return file


@pytest.fixture
def api():
    server = StreamApi()
    yield server
    server.close()


@pytest.fixture
def connections(source, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_SOURCE", json.dumps({"conn_type": "sqlite", "schema": str(source)}))
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_API", json.dumps({"conn_type": "http", "password": "the-api-key"}))


@pytest.fixture
def emulate(api, connections, monkeypatch):
    monkeypatch.setattr(ApiGatewayHook, "get_invoke_url", lambda self, name, url_format: api.url)

    def make(**given):
        return EmulateStreamOperator(
            task_id="emulate",
            rest_api_name="p",
            api_stage="prod",
            api_url_format="{api_id}",
            streams=STREAMS,
            **{"rate": 500, "posts": 10, **given},
        )

    return make


def context(run_id="manual__1"):
    pushed = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.__setitem__(key, value))
    return {"run_id": run_id, "ti": ti, "pushed": pushed}


def test_a_run_returns_the_emulators_receipt(api, emulate):
    receipt = emulate().execute(context())
    assert receipt["posts"] == 10
    assert {stream: each["accepted"] for stream, each in receipt["records"].items()} == dict.fromkeys(
        STREAMS.values(), 10
    )
    assert {request["path"] for request in api.requests} == {
        f"/api/prod/streams/{stream}/record" for stream in STREAMS.values()
    }
    assert {request["headers"]["x-api-key"] for request in api.requests} == {"the-api-key"}
    assert len(json.dumps(receipt)) < 5_000


def test_params_of_a_form_may_be_texts(api, emulate):
    receipt = emulate(rate="500", posts=None, duration_s="1", records_per_request="50").execute(context())
    assert (receipt["rate"], receipt["posts_planned"]) == (500, 500)
    assert {request["path"].rpartition("/")[2] for request in api.requests} == {"records"}


def test_a_retried_try_posts_the_same_posts_and_another_run_others(api, emulate):
    emulate().execute(context("manual__1"))
    first = api.all_keys
    emulate().execute(context("manual__1"))
    assert api.all_keys == first + first
    emulate().execute(context("manual__2"))
    assert api.all_keys != first + first + first


def test_a_run_that_could_not_post_everything_fails_and_leaves_its_receipt(api, emulate):
    api.answer = lambda *_: (403, {}, b"forbidden")
    task = context()
    with pytest.raises(PostingError, match="records were not posted"):
        emulate().execute(task)
    assert task["pushed"]["receipt"]["failed_records"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"duration_s": 5}, "posts=10 and duration_s=5.0: give one of them"),
        ({"rate": 0}, "rate=0.0: give 0.1 to 5000"),
        ({"records_per_request": 501}, "records_per_request=501"),
        ({"selection": "sequential", "posts": 31}, "posts=31 from post number .* the source has 30 there"),
    ],
)
def test_what_cannot_be_posted_fails_the_task_without_another_try(api, emulate, given, reason):
    with pytest.raises(AirflowFailException, match=reason):
        emulate(**given).execute(context())
    assert api.requests == []


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({"rate": 50}, False),
        ({"rate": 100}, True),
        ({"rate": 1000, "records_per_request": 100}, False),
        ({"rate": 5000, "records_per_request": 50}, True),
    ],
)
def test_a_rate_above_the_apis_limit_is_warned_about_at_the_start(api, emulate, capsys, given, warned):
    emulate(**given, api_rate_limit=200.0).execute(context())
    said = capsys.readouterr().out
    assert ("the API lets 200 through (api_rate_limit)" in said) == warned


def test_a_killed_task_logs_the_receipt(api, emulate, capsys, monkeypatch):
    monkeypatch.setattr("emulator.stream_run.LAST_ANSWERS_S", 30)
    operator = emulate(rate=30, posts=1000)
    api.answer = lambda attempt, *_: operator.on_kill() if attempt == 20 else None
    with pytest.raises(PostingStoppedError, match="stopped as asked"):
        operator.execute(context())
    (logged,) = [line for line in capsys.readouterr().out.splitlines() if "Receipt: " in line]
    receipt = json.JSONDecoder().raw_decode(logged.partition("Receipt: ")[2])[0]
    assert sum(each["accepted"] for each in receipt["records"].values()) == api.all_keys.total()


@pytest.mark.parametrize("records_per_request", [1, 500])
def test_a_terminated_process_ends_soon_and_its_log_says_what_arrived(api, connections, records_per_request):
    process = subprocess.Popen(
        [sys.executable, STOPPED_TASK, api.url, str(records_per_request)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 180  # a busy machine takes a minute to import Airflow
        while api.all_keys.total() < 60 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert api.all_keys.total() >= 60, "posted nothing yet, so there is nothing to end"
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)  # the run was to take 600 s
    finally:
        process.kill()
    assert "PostingStoppedError: stopped as asked" in said
    accepted, unanswered = re.search(r"(\d+) records accepted \(.*\), \d+ not accepted, (\d+) without", said).groups()
    assert int(accepted) <= api.all_keys.total() <= int(accepted) + int(unanswered)
