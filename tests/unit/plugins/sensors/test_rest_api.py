from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pinpipe_airflow.sensors.rest_api import RestApiTopicsSensor

KEY = "key-of-at-least-twenty-characters"
TOPICS = ["pinpipe.pin", "pinpipe.geo"]


@pytest.fixture
def api(monkeypatch):
    """An API of one stage; what it answers may be set."""

    class Api(BaseHTTPRequestHandler):
        status, body = 200, json.dumps([*TOPICS, "another"])

        def do_GET(self):
            known = (self.path, self.headers["x-api-key"]) == ("/a1/prod/topics", KEY)
            self.send_response(Api.status if known else 403)
            self.end_headers()
            self.wfile.write(Api.body.encode())

        def log_message(self, *_):
            """Nothing on standard error."""

    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_API", json.dumps({"conn_type": "http", "password": KEY}))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    Api.url = f"http://127.0.0.1:{server.server_port}/a1"
    yield Api
    server.shutdown()
    server.server_close()


def sensor(url, **given):
    deployed = {"invoke_url": url, "stage": "prod"}
    return RestApiTopicsSensor(
        task_id="rest_api_answers", deployed=deployed, topics=TOPICS, api_key_conn_id="pinpipe_api", **given
    )


def test_it_is_done_once_the_api_names_all_topics(api):
    assert sensor(api.url).poke({}) is True


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (500, '{"message": "Internal server error"}', "HTTP 500"),
        (504, "", "VPC link or REST proxy do not answer"),
        (200, json.dumps(["pinpipe.pin"]), "does not name pinpipe.geo"),
        (200, "<html>", "names no topics: <html>"),
        (200, '{"error_code": 401}', "names no topics"),
    ],
)
def test_while_the_way_does_not_work_it_waits_and_says_what_was_answered(api, capsys, status, body, told):
    api.status, api.body = status, body
    assert sensor(api.url).poke({}) is False
    assert told in capsys.readouterr().out


def test_a_key_that_is_not_known_yet_is_tried_again_and_not_told(api, monkeypatch, capsys):
    other = "another-key-of-twenty-characters"
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_API", json.dumps({"conn_type": "http", "password": other}))
    assert sensor(api.url).poke({}) is False
    out = capsys.readouterr().out
    assert "HTTP 403" in out
    assert other not in out


def test_an_api_that_cannot_be_reached_is_tried_again(api):
    assert sensor("http://127.0.0.1:1").poke({}) is False


def test_nothing_is_asked_in_a_plan():
    planned = RestApiTopicsSensor(
        task_id="t",
        deployed={"changed": False, "planned": []},
        topics=TOPICS,
        api_key_conn_id="nobody",
        provisioning_mode="plan",
    )
    assert planned.poke({}) is True


def test_it_takes_no_worker_between_two_looks():
    waiting = sensor("http://x")
    assert (waiting.mode, waiting.poke_interval >= 5, waiting.timeout <= 900) == ("reschedule", True, True)
