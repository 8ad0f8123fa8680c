"""What a connection's secret lacks."""

from __future__ import annotations

import json
import traceback

import pytest
from pinpipe_airflow.connection_secret import UnreadableSecretError, complete, unknown_fields

from include.connections import API_KEY_LENGTH, api_connection, aws_connection, kafka_connection, secret_name

KAFKA = kafka_connection("b-1.x.kafka.us-east-1.amazonaws.com:9098")


def done(text, fields=KAFKA, password_length=None):
    completed = complete(text, fields, password_length=password_length, name="airflow/connections/c")
    return json.loads(completed.text), list(completed.changed)


def test_a_new_connection_holds_what_is_declared():
    assert done(None)[0] == KAFKA
    assert done("")[0] == KAFKA


def test_a_second_time_there_is_nothing_to_change():
    whole, _ = done(None)
    assert done(json.dumps(whole)) == (whole, [])


def test_a_new_api_key_is_random_and_has_its_length():
    keys = [done(None, api_connection(), API_KEY_LENGTH)[0]["password"] for _ in range(2)]
    assert keys[0] != keys[1]
    assert all(len(key) == 40 and key.isalnum() for key in keys)


@pytest.mark.parametrize("name", ["password", "pass", "key"])
def test_a_password_that_is_there_stays_by_whatever_name_the_backend_knows_it(name):
    mine = {"conn_type": "http", name: "s3cret"}
    assert done(json.dumps(mine), api_connection(), 40) == (mine, [])


def test_an_empty_password_is_none():
    assert done('{"conn_type": "http", "password": ""}', api_connection(), 40)[1] == ["password"]


def test_only_what_differs_is_changed_and_what_somebody_added_stays():
    mine = {
        "conn_type": "kafka",
        "description": "of the team",
        "extra": {**KAFKA["extra"], "bootstrap.servers": "old:9098", "client.id": "pins"},
    }
    whole, changed = done(json.dumps(mine))
    assert changed == ["extra.bootstrap.servers"]
    assert whole == {**mine, "extra": {**KAFKA["extra"], "client.id": "pins"}}


def test_an_extra_that_is_json_in_json_is_read():
    mine = {"conn_type": "kafka", "extra": json.dumps(KAFKA["extra"])}
    assert done(json.dumps(mine))[1] == []


def test_a_type_under_another_name_is_known_and_kept_there():
    whole, changed = done('{"engine": "http"}', aws_connection("eu-west-1"))
    assert whole == {"engine": "aws", "extra": {"region_name": "eu-west-1"}}
    assert changed == ["conn_type", "extra.region_name"]


def test_a_uri_is_read_and_is_json_only_once_it_has_to_change():
    uri = "aws://AKIA:s3%2Fcret@/?region_name=eu-west-1"
    assert done(uri, aws_connection("eu-west-1"))[1] == []
    whole, changed = done(uri, aws_connection("us-east-1"))
    assert changed == ["extra.region_name"]
    assert whole == {
        "conn_type": "aws",
        "login": "AKIA",
        "password": "s3/cret",
        "extra": {"region_name": "us-east-1"},
    }


@pytest.mark.parametrize(
    "text", ["s3cret", '{"password": s3cret}', '{"extra": "{s3cret"}', "a://s3cret://b://c", '{"extra": [7]}']
)
def test_what_is_no_connection_is_refused_without_being_shown(text):
    with pytest.raises(UnreadableSecretError, match="'airflow/connections/c' holds no Airflow connection") as refused:
        done(text)
    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_what_was_completed_shows_no_secret():
    assert "s3cret" not in repr(complete('{"password": "s3cret"}', KAFKA, password_length=None, name="c"))


def test_fields_without_a_value_are_told():
    assert unknown_fields(kafka_connection("")) == ["extra.bootstrap.servers"]
    assert unknown_fields(KAFKA) == []


def test_the_secrets_name_is_what_airflows_backend_asks_for():
    from airflow.providers.amazon.aws.secrets.secrets_manager import SecretsManagerBackend

    backend = SecretsManagerBackend(connections_prefix="team/connections")
    assert secret_name("team/connections", "c") == backend.build_path(backend.connections_prefix, "c", "/")
