"""The REST API over a worker whose tasks do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from starlette.testclient import TestClient

from local.connect.app import create_app
from local.connect.basic_auth import BasicAuth
from local.connect.connector_store import ConnectorStore, StoredConnector
from local.connect.sink_config import SinkConfig
from local.connect.worker import Worker


class IdleTask:
    """A task that is in the state it was put into."""

    started: list[IdleTask]

    def __init__(self, config: SinkConfig, number: int, paused: bool) -> None:
        self.config = config
        self.number = number
        self.state = "PAUSED" if paused else "RUNNING"
        self.trace: str | None = None
        self.stopped = False
        IdleTask.started.append(self)

    def pause(self, paused: bool) -> None:
        self.state = "PAUSED" if paused else "RUNNING"

    def fail(self, trace: str) -> None:
        self.state, self.trace = "FAILED", trace

    def ask_to_stop(self) -> None:
        self.stopped = True

    def wait(self) -> None:
        assert self.stopped


def new_client(folder: Path) -> TestClient:
    IdleTask.started = []
    worker = Worker("127.0.0.1:15083", ConnectorStore(folder / "connectors.json"), IdleTask)
    admin = AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    client = TestClient(create_app(worker, admin, BasicAuth("user", "pass:word")))
    client.auth = ("user", "pass:word")
    return client


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with new_client(tmp_path) as client:
        yield client


@pytest.mark.parametrize("auth", [None, ("user", "wrong"), ("other", "pass:word"), ("", "")])
def test_nobody_is_let_in_without_the_credentials(client, auth):
    client.auth = auth
    answer = client.get("/connectors")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert answer.json() == {"error_code": 401, "message": "User cannot access the resource."}


def test_broken_credentials_are_no_credentials(client):
    client.auth = None
    assert client.get("/connectors", headers={"Authorization": "Basic ???"}).status_code == 401
    assert client.get("/connectors", headers={"Authorization": "Bearer x"}).status_code == 401


def test_health_needs_no_credentials_and_tells_that_the_broker_is_away(client):
    client.auth = None
    answer = client.get("/health")
    assert answer.status_code == 503
    assert "Kafka is not available" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("PATCH", "/connectors/a/config"), ("PUT", "/connectors/a/stop")]
)
def test_an_unknown_route_is_501(client, method, path):
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error_code"]) == (501, 501)


def test_a_connector_is_made_told_and_deleted(client, config):
    answer = client.put("/connectors/sink/config", json=config)
    assert answer.status_code == 201
    assert answer.json()["config"] == config
    assert answer.json()["tasks"] == [{"connector": "sink", "task": 0}, {"connector": "sink", "task": 1}]
    assert client.get("/connectors").json() == ["sink"]
    assert client.get("/connectors/sink").json() == answer.json()
    assert client.get("/connectors/sink/config").json() == config
    assert [task["id"]["task"] for task in client.get("/connectors/sink/tasks").json()] == [0, 1]
    assert client.get("/connectors/sink/status").json() == {
        "name": "sink",
        "connector": {"state": "RUNNING", "worker_id": "127.0.0.1:15083"},
        "tasks": [{"id": number, "state": "RUNNING", "worker_id": "127.0.0.1:15083"} for number in (0, 1)],
        "type": "sink",
    }
    assert client.delete("/connectors/sink").status_code == 204
    assert client.get("/connectors").json() == []
    assert all(task.stopped for task in IdleTask.started)


def test_post_makes_a_connector_once(client, config):
    del config["name"]
    assert client.post("/connectors", json={"name": "sink", "config": config}).status_code == 201
    answer = client.post("/connectors", json={"name": "sink", "config": config})
    assert (answer.status_code, answer.json()["message"]) == (409, "Connector sink already exists")


def test_an_equal_configuration_leaves_the_tasks_alone(client, config):
    client.put("/connectors/sink/config", json=config)
    assert client.put("/connectors/sink/config", json=config).status_code == 200
    assert len(IdleTask.started) == 2


def test_a_changed_configuration_replaces_the_tasks(client, config):
    client.put("/connectors/sink/config", json=config)
    assert client.put("/connectors/sink/config", json={**config, "flush.size": 5}).status_code == 200
    assert [task.stopped for task in IdleTask.started] == [True, True, False, False]
    assert IdleTask.started[-1].config.flush_size == 5


def test_a_faulty_configuration_changes_nothing(client, config):
    client.put("/connectors/sink/config", json=config)
    answer = client.put("/connectors/sink/config", json={**config, "colour": "red"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, 400)
    assert '"colour"' in answer.json()["message"]
    assert client.get("/connectors/sink/config").json() == config


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b'{"name": "other"}', b'{"flush.size": null}', b'{"topics": ["a"]}', b'{"tasks.max": 1.5}',
        b'{"topics": ' + 100_000 * b"[",
    ],
)  # fmt: skip
def test_a_body_that_is_no_configuration_is_400(client, body):
    answer = client.put("/connectors/sink/config", content=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, 400)


def test_a_body_over_the_limit_is_413(client):
    answer = client.put("/connectors/sink/config", content=(1024 * 1024 + 1) * b" ")
    assert (answer.status_code, answer.json()["error_code"]) == (413, 413)


@pytest.mark.parametrize("body", [{"name": "a"}, {"config": {}}, {"name": 1, "config": {}}, {"name": "a", "config": 1}])
def test_a_post_without_name_and_config_is_400(client, body):
    assert client.post("/connectors", json=body).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/config"),
        ("GET", "/status"),
        ("GET", "/tasks"),
        ("DELETE", ""),
        ("PUT", "/pause"),
        ("PUT", "/resume"),
        ("POST", "/restart"),
        ("POST", "/tasks/0/restart"),
    ],
)
def test_an_unknown_connector_is_404(client, method, path):
    answer = client.request(method, f"/connectors/none{path}")
    assert (answer.status_code, answer.json()) == (404, {"error_code": 404, "message": "Connector none not found"})


def test_a_failed_task_tells_its_trace_and_a_restart_revives_it(client, config):
    client.put("/connectors/sink/config", json=config)
    IdleTask.started[1].fail("NoSuchBucket")
    failed = client.get("/connectors/sink/status").json()["tasks"][1]
    assert (failed["state"], failed["trace"]) == ("FAILED", "NoSuchBucket")

    assert client.post("/connectors/sink/restart").status_code == 204
    assert len(IdleTask.started) == 2, "Connect restarts tasks only when asked to"
    assert client.post("/connectors/sink/restart?includeTasks=true&onlyFailed=true").status_code == 202
    assert [task.stopped for task in IdleTask.started] == [False, True, False]
    assert IdleTask.started[2].number == 1
    assert {task["state"] for task in client.get("/connectors/sink/status").json()["tasks"]} == {"RUNNING"}


def test_a_single_task_is_restarted(client, config):
    client.put("/connectors/sink/config", json=config)
    assert client.post("/connectors/sink/tasks/0/restart").status_code == 204
    assert [task.stopped for task in IdleTask.started] == [True, False, False]
    assert client.get("/connectors/sink/tasks/0/status").json()["state"] == "RUNNING"
    assert client.post("/connectors/sink/tasks/2/restart").status_code == 404
    assert client.get("/connectors/sink/tasks/2/status").status_code == 404


def test_pause_and_resume(client, config):
    client.put("/connectors/sink/config", json=config)
    assert client.put("/connectors/sink/pause").status_code == 202
    assert client.get("/connectors/sink/status").json()["connector"]["state"] == "PAUSED"
    assert {task.state for task in IdleTask.started} == {"PAUSED"}
    assert client.put("/connectors/sink/resume").status_code == 202
    assert client.get("/connectors/sink/status").json()["connector"]["state"] == "RUNNING"


def test_connectors_and_their_rest_survive_the_process(tmp_path, config):
    with new_client(tmp_path) as client:
        client.put("/connectors/sink/config", json=config)
        client.put("/connectors/sink/pause")
    with new_client(tmp_path) as client:
        assert client.get("/connectors/sink/config").json() == config
        assert [task.state for task in IdleTask.started] == ["PAUSED", "PAUSED"]


def test_what_cannot_be_kept_is_not_done_and_a_retry_does_it(tmp_path, config, monkeypatch):
    def no_space(*_: object) -> None:
        raise OSError("No space left on device")

    with new_client(tmp_path) as client:
        client.put("/connectors/old/config", json={**config, "name": "old"})
        tasks = list(IdleTask.started)
        with monkeypatch.context() as patch:
            patch.setattr(ConnectorStore, "save", no_space)
            for method, path, body in (
                ("PUT", "sink/config", config),
                ("PUT", "old/config", {**config, "name": "old", "flush.size": "7"}),
                ("PUT", "old/pause", None),
                ("DELETE", "old", None),
            ):
                with pytest.raises(OSError, match="No space left"):
                    client.request(method, f"/connectors/{path}", json=body)
        assert client.get("/connectors").json() == ["old"]
        assert client.get("/connectors/old/config").json()["flush.size"] == "10000"
        assert {task.state for task in tasks if not task.stopped} == {"RUNNING"}
        assert client.put("/connectors/sink/config", json=config).status_code == 201
        assert len(client.get("/connectors/sink/status").json()["tasks"]) == 2


def test_a_kept_configuration_that_is_no_longer_sound_fails_its_connector_only(tmp_path, config):
    store = ConnectorStore(tmp_path / "connectors.json")
    store.save({"old": StoredConnector({"name": "old"}), "sink": StoredConnector(config)})
    with new_client(tmp_path) as client:
        old = client.get("/connectors/old/status").json()["connector"]
        assert old["state"] == "FAILED"
        assert "flush.size" in old["trace"]
        assert client.get("/connectors/sink/status").json()["connector"]["state"] == "RUNNING"


def test_a_configuration_is_validated_without_being_kept(client, config):
    answer = client.put("/connector-plugins/S3SinkConnector/config/validate", json={**config, "colour": "red"})
    assert answer.status_code == 200
    assert answer.json()["error_count"] == 1
    assert client.get("/connectors").json() == []


def test_the_plugin_is_listed(client):
    assert [plugin["class"] for plugin in client.get("/connector-plugins").json()] == [
        "io.confluent.connect.s3.S3SinkConnector"
    ]
