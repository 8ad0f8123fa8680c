"""Connections, really kept in ministack's Secrets Manager, and found there by Airflow's own backend."""

from __future__ import annotations

import json

import boto3
import pytest
from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend
from airflow.sdk import Connection
from pinpipe_airflow.connection_secret import UnreadableSecretError
from pinpipe_airflow.operators.connection_secret import ConnectionSecretOperator, ConnectionSecretRemovalOperator

from include.connections import api_connection, kafka_connection

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]

PREFIX = "airflow/connections"


@pytest.fixture
def client(s3):
    return boto3.client("secretsmanager")


def keep(conn_id, fields=None, **given):
    fields = api_connection() if fields is None else fields
    length = given.pop("password_length", 40)
    operator = ConnectionSecretOperator(
        task_id="secret", conn_id=conn_id, fields=fields, password_length=length, **{"pipeline_id": "pins", **given}
    )
    return operator.execute({})


def remove(*conn_ids, pipeline_id="pins"):
    operator = ConnectionSecretRemovalOperator(task_id="secrets", conn_ids=conn_ids, pipeline_id=pipeline_id)
    return operator.execute({})["removed"]


def held(client, name):
    return json.loads(client.get_secret_value(SecretId=f"{PREFIX}/{name}")["SecretString"])


def test_an_api_key_is_made_once_and_neither_told_nor_logged(client, name, capsys):
    receipt = keep(name)
    assert receipt == {"changed": True, "conn_id": name, "secret": f"{PREFIX}/{name}", "actions": ["created"]}
    key = held(client, name)["password"]
    assert len(key) == 40
    assert keep(name) == {"changed": False, "conn_id": name, "secret": f"{PREFIX}/{name}", "actions": []}
    assert held(client, name)["password"] == key
    told = capsys.readouterr()
    assert key not in told.out + told.err


def test_airflow_finds_the_connection(name):
    keep(name, kafka_connection("b-1:9098"), password_length=None)
    found = Connection.from_json(SecretsManagerBackend(connections_prefix=PREFIX).get_conn_value(name), conn_id=name)
    assert found.conn_type == "kafka"
    assert found.extra_dejson == kafka_connection("b-1:9098")["extra"]


def test_what_somebody_else_put_there_stays_but_for_what_is_ours(client, name):
    mine = {"conn_type": "kafka", "extra": {"bootstrap.servers": "old", "client.id": "pins"}, "description": "mine"}
    client.create_secret(Name=f"{PREFIX}/{name}", SecretString=json.dumps(mine))
    wanted = kafka_connection("b-1:9098")
    planned = keep(name, wanted, password_length=None, mode="plan")["planned"]
    settings = "extra.bootstrap.servers, extra.security.protocol, extra.sasl.mechanisms"
    assert planned == [f"change secret {PREFIX}/{name}: {settings}"]
    assert held(client, name) == mine
    receipt = keep(name, wanted, password_length=None)
    assert receipt["actions"] == [f"set {each}" for each in settings.split(", ")]
    assert held(client, name) == {**mine, "extra": {**wanted["extra"], "client.id": "pins"}}


def test_a_key_that_somebody_set_stays(client, name):
    client.create_secret(Name=f"{PREFIX}/{name}", SecretString="http://:my-own-key-of-the-api@/")
    assert not keep(name)["changed"]
    secret = client.get_secret_value(SecretId=f"{PREFIX}/{name}")["SecretString"]
    assert secret == "http://:my-own-key-of-the-api@/"


def test_a_secret_that_holds_nothing_yet_is_filled(client, name):
    client.create_secret(Name=f"{PREFIX}/{name}")
    assert keep(name)["actions"] == ["set conn_type", "set password"]
    assert len(held(client, name)["password"]) == 40


def test_what_is_no_connection_is_refused_and_stays(client, name):
    client.create_secret(Name=f"{PREFIX}/{name}", SecretString="s3cret")
    with pytest.raises(UnreadableSecretError, match=f"'{PREFIX}/{name}' holds no Airflow connection") as refused:
        keep(name)
    assert "s3cret" not in str(refused.value)
    client.create_secret(Name=f"{PREFIX}/{name}-b", SecretBinary=b"s3cret")
    with pytest.raises(ValueError, match="holds bytes, and a connection is text"):
        keep(f"{name}-b")


def test_a_removed_secret_is_restored_with_its_key(client, name):
    keep(name)
    key = held(client, name)["password"]
    assert remove(name, f"{name}-never-made") == [f"{PREFIX}/{name}"]
    assert remove(name) == []
    assert keep(name, mode="plan")["planned"] == [f"change secret {PREFIX}/{name}: restored"]
    assert keep(name)["actions"] == ["restored"]
    assert held(client, name)["password"] == key


def test_a_removed_secret_can_be_restored_for_a_week(client, name):
    keep(name)
    remove(name)
    found = client.describe_secret(SecretId=f"{PREFIX}/{name}")
    assert 6 <= (found["DeletedDate"] - found["CreatedDate"]).days <= 7


def test_somebody_elses_secret_is_not_removed(client, name):
    client.create_secret(Name=f"{PREFIX}/{name}", SecretString='{"conn_type": "http"}')
    keep(name)
    keep(f"{name}-ours")
    assert remove(name, f"{name}-ours", pipeline_id="others") == []
    assert remove(name, f"{name}-ours") == [f"{PREFIX}/{name}-ours"]
    assert held(client, name)["conn_type"] == "http"


@pytest.mark.parametrize("mode", ["plan", "apply"])
def test_another_pipelines_secret_is_refused_and_stays_and_one_for_all_is_taken(client, name, mode):
    keep(name, kafka_connection("b-1:9098"), password_length=None)
    theirs = held(client, name)
    others = {"pipeline_id": "others", "password_length": None, "mode": mode}
    with pytest.raises(
        ValueError, match=f"{name} is that of the pipeline 'pins' .* not of 'others': give this pipeline"
    ):
        keep(name, kafka_connection("b-9:9098"), **others)
    assert held(client, name) == theirs
    assert not keep(name, kafka_connection("b-1:9098"), shared=True, **others).get("planned")
    assert held(client, name) == theirs


def test_a_plan_says_what_would_be_made_and_makes_nothing(client, name):
    assert keep(name, mode="plan")["planned"] == [f"create secret {PREFIX}/{name}"]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_secret(SecretId=f"{PREFIX}/{name}")


def test_a_field_that_is_not_known_yet_is_passed_over_in_a_plan_and_refused_else(client, name):
    unknown = kafka_connection(None)
    with pytest.raises(ValueError, match=f"connection '{name}': extra.bootstrap.servers has no value"):
        keep(name, unknown)
    keep(name, kafka_connection("b-1:9098"), password_length=None)
    assert keep(name, unknown, password_length=None, mode="plan")["planned"] == []
    assert held(client, name) == kafka_connection("b-1:9098")
