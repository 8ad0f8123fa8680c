from __future__ import annotations

import json
import threading
import time

import pytest
import requests
import sqlalchemy as sa
import uvicorn
from airflow.providers.databricks.hooks.databricks import DatabricksHook
from airflow.sdk.exceptions import AirflowException
from pinpipe_airflow.preflight import connect, connections, databricks, kafka, source, versions

from local.databricks.app import application

TYPES = {"AWS_DEFAULT": "aws", "KAFKA_DEFAULT": "kafka", "KAFKA_CONNECT_DEFAULT": "http"}
SECRET = "key-of-at-least-twenty-characters"


@pytest.fixture(autouse=True)
def nothing_known():
    connections.forget()


@pytest.fixture
def define(monkeypatch):
    def connection(name, **parts):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(parts))

    return connection


def by_subject(found):
    return {finding.subject.removeprefix("connection "): finding for finding in found}


def test_all_connections_that_are_not_defined_are_told_with_where_to_put_them(wanted):
    found = by_subject(connections.look(wanted))
    assert {name: finding.outcome for name, finding in found.items()} == {
        "aws_default": "warning",  # the process's own role will do
        **dict.fromkeys(
            ("kafka_default", "kafka_connect_default", "databricks_default", "pinpipe_api", "pinpipe_source"), "wrong"
        ),
    }
    assert "Secrets Manager as airflow/connections/pinpipe_api" in found["pinpipe_api"].way_out


@pytest.mark.parametrize(("length", "outcome"), [(19, "wrong"), (20, "ok"), (128, "ok"), (129, "wrong")])
def test_an_api_key_has_20_to_128_characters_and_is_never_told(wanted, define, length, outcome):
    key = "k" * length
    define("PINPIPE_API", conn_type="http", password=key)
    found = by_subject(connections.look(wanted))["pinpipe_api"]
    assert found.outcome == outcome
    assert key not in str(found)


def test_a_connection_of_another_kind_is_wrong(wanted, define):
    define("KAFKA_DEFAULT", conn_type="http")
    define("DATABRICKS_DEFAULT", conn_type="databricks")
    found = by_subject(connections.look(wanted))
    assert found["kafka_default"].found == "its type is 'http', 'kafka' is needed"
    assert found["databricks_default"].outcome == "ok"


def test_a_kafka_connection_without_brokers_is_wrong(wanted, define):
    define("KAFKA_DEFAULT", conn_type="kafka", extra={})
    assert "bootstrap.servers" in by_subject(connections.look(wanted))["kafka_default"].found


def test_brokers_that_do_not_answer_are_wrong_and_those_without_a_connection_are_not_asked(wanted, define, monkeypatch):
    assert [found.outcome for found in kafka.look(wanted)] == ["not checked"]
    connections.forget()
    monkeypatch.setattr(kafka, "_TIMEOUT_S", 0.5)
    define("KAFKA_DEFAULT", conn_type="kafka", extra={"bootstrap.servers": "127.0.0.1:1"})
    (found,) = kafka.look(wanted)
    assert (found.outcome, "do not answer" in found.found) == ("wrong", True)


@pytest.mark.parametrize(("brokers", "replicas", "outcome"), [(3, 3, "ok"), (2, 3, "wrong"), (3, 1, "warning")])
def test_there_must_be_as_many_brokers_as_replicas(wanted, brokers, replicas, outcome):
    (found,) = kafka._brokers(wanted.model_copy(update={"topic_replication": replicas}), brokers)
    assert found.outcome == outcome


def test_a_kafka_connect_that_does_not_answer_is_wrong(wanted, define):
    define("KAFKA_CONNECT_DEFAULT", conn_type="http", host="127.0.0.1", port=1)
    (found,) = connect.look(wanted)
    assert (found.outcome, "kafka_connect_default" in found.way_out) == ("wrong", True)


class Workspace:
    """Answers of a workspace by endpoint; an exception is raised."""

    def __init__(self, **answers):
        self.answers = answers

    def __call__(self, hook, endpoint, *_):
        answer = self.answers["me" if "scim" in endpoint[1] else "versions"]
        if isinstance(answer, Exception):
            raise answer
        return answer


def versions_of(*keys):
    return {"versions": [{"key": key} for key in keys]}


@pytest.fixture
def workspace(define, monkeypatch):
    def answering(**answers):
        define("DATABRICKS_DEFAULT", conn_type="databricks", host="example.cloud.databricks.com", password="t" * 20)
        answer = Workspace(**answers)
        monkeypatch.setattr(DatabricksHook, "_do_api_call", lambda hook, endpoint: answer(hook, endpoint))

    return answering


def not_there(status):
    response = requests.Response()
    response.status_code = status
    refused = AirflowException("refused")
    refused.__cause__ = requests.HTTPError(response=response)
    return refused


def test_a_workspace_tells_who_asks_and_has_the_runtime_that_the_jobs_ask_for(wanted, workspace):
    asked_for = databricks.runtimes(wanted)
    assert asked_for == {"17.3.x-scala2.13"}
    workspace(me={"userName": "etl@example.com"}, versions=versions_of(*asked_for))
    answers, runtime = databricks.look(wanted)
    assert (answers.outcome, "etl@example.com" in answers.found, runtime.outcome) == ("ok", True, "ok")


def test_the_stand_in_which_does_not_know_who_asks_is_as_good(wanted, define, tmp_path):
    token = "token-of-the-stand-in"
    app = application(tmp_path / "state", tmp_path, "http://127.0.0.1", token, {})
    # Without its lifespan: no job is to run.
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    address = {"schema": "http", "host": "127.0.0.1", "port": port}
    define("DATABRICKS_DEFAULT", conn_type="databricks", **address, password=token)
    assert [found.outcome for found in databricks.look(wanted)] == ["ok", "ok"]
    connections.forget()
    define("DATABRICKS_DEFAULT", conn_type="databricks", **address, password="another-token")
    assert [found.outcome for found in databricks.look(wanted)] == ["wrong"]
    server.should_exit = True
    thread.join(10)


def test_a_runtime_that_is_not_there_is_told_with_those_that_are(wanted, workspace):
    workspace(me={}, versions=versions_of("16.4.x-scala2.13", "17.4.x-scala2.13"))
    _, runtime = databricks.look(wanted)
    assert runtime.outcome == "wrong"
    assert "does not have 17.3.x-scala2.13; among those that it has are 17.4.x-scala2.13" in runtime.found


@pytest.mark.parametrize("refused", ["me", "versions"])
def test_a_token_that_is_refused_is_wrong(wanted, workspace, refused):
    workspace(**{"me": {}, "versions": versions_of("17.3.x-scala2.13"), refused: not_there(403)})
    (found,) = databricks.look(wanted)
    assert (found.outcome, "token or service principal is valid" in found.way_out) == ("wrong", True)


def test_a_source_database_has_the_tables_or_a_warning_or_is_wrong(wanted, define, tmp_path):
    file = tmp_path / "posts.db"
    define("PINPIPE_SOURCE", conn_type="sqlite", schema=str(file))
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connected:
        connected.execute(sa.text("CREATE TABLE pinterest_data (i INT)"))
    (found,) = source.look(wanted)
    assert (found.outcome, "no table geolocation_data, user_data" in found.found) == ("warning", True)
    with engine.begin() as connected:
        connected.execute(sa.text("CREATE TABLE geolocation_data (i INT)"))
        connected.execute(sa.text("CREATE TABLE user_data (i INT)"))
    assert [found.outcome for found in source.look(wanted)] == ["ok"]
    connections.forget()
    define("PINPIPE_SOURCE", conn_type="postgresql", host="127.0.0.1", port=1, password=SECRET)
    (found,) = source.look(wanted)
    assert (found.outcome, SECRET in str(found)) == ("wrong", False)


def test_connections_that_provision_makes_may_be_missing(wanted):
    ours = wanted.model_copy(update={"managed_connections": True})
    assert connections.connections_made(ours) == ("aws_conn_id", "api_conn_id")
    assert by_subject(connections.look(ours))["pinpipe_api"].outcome == "not checked"


def test_the_connection_to_the_brokers_is_made_of_a_cluster_of_msk_alone(wanted, makes_all):
    assert connections.connections_made(makes_all) == ("aws_conn_id", "kafka_conn_id", "api_conn_id")
    own = "arn:aws:kafka:eu-west-1:111122223333:cluster/own/0a-1"
    of_others = wanted.model_copy(update={"managed_connections": True, "msk_cluster": own})
    assert "kafka_conn_id" in connections.connections_made(of_others)
    elsewhere = wanted.model_copy(update={"managed_connections": True})
    assert by_subject(connections.look(elsewhere))["kafka_default"].outcome == "wrong"


def test_versions_that_are_too_old_or_not_there_are_wrong(wanted, monkeypatch):
    assert {found.outcome for found in versions.look(wanted)} <= {"ok"}
    monkeypatch.setattr(versions, "OLDEST", {"apache-airflow-core": "99", "not-a-package-of-anybody": "1"})
    _, old, missing = versions.look(wanted)
    assert (old.outcome, "99 or newer is needed" in old.found) == ("wrong", True)
    assert (missing.outcome, missing.found) == ("wrong", "it is not installed")
