from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from airflow.sdk.exceptions import AirflowFailException
from pinpipe_airflow.operators.source_check import SourceCheckOperator

from emulator.database import SourceError, open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.source import create_tables


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A database that the connection names, with 30 posts."""
    file = tmp_path / "source.db"
    connection = {"conn_type": "sqlite", "schema": str(file)}
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_SOURCE", json.dumps(connection))
    made = open_engine(f"sqlite:///{file}")
    create_tables(made)
    load_posts(made, generate_posts(30, 1))
    yield made
    made.dispose()


def look(**given):
    return SourceCheckOperator(task_id="check", **given).execute({})


def alter(engine, *statements):
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def test_it_says_what_there_is_and_changes_nothing(engine):
    found = look()
    assert found["changed"] is False
    assert found["rows"] == {"pinterest_data": 30, "geolocation_data": 30, "user_data": 30}
    assert (found["posts"], found["complete"], found["notes"]) == (30, 30, [])
    assert look(mode="plan") == {"changed": False, "planned": []}


def test_posts_with_a_row_missing_are_counted_and_notes_are_passed_on(engine):
    alter(
        engine,
        "DELETE FROM user_data WHERE ind IN (SELECT ind FROM user_data LIMIT 4)",
        "CREATE TABLE bare AS SELECT * FROM geolocation_data",
        "DROP TABLE geolocation_data",
        "ALTER TABLE bare RENAME TO geolocation_data",
    )
    found = look()
    assert (found["posts"], found["complete"]) == (30, 26)
    assert any("has no index" in note for note in found["notes"])


@pytest.mark.parametrize("mode", ["apply", "plan"])
def test_all_that_is_missing_is_told_at_once(engine, mode):
    alter(
        engine,
        "DROP TABLE user_data",
        "ALTER TABLE geolocation_data DROP COLUMN country",
        "ALTER TABLE pinterest_data DROP COLUMN title",
    )
    with pytest.raises(AirflowFailException) as refused:
        look(mode=mode)
    told = str(refused.value).splitlines()
    assert told[0] == "connection 'pinpipe_source': posts cannot be read:"
    assert len(told) == 4
    assert "'pinterest_data'" in told[1]
    assert "no column 'title'" in told[1]
    assert "no column 'country'" in told[2]
    assert "has no table 'user_data'" in told[3]


def test_an_empty_database_can_be_provisioned_for_and_is_warned_of(engine, capsys):
    alter(engine, "DELETE FROM pinterest_data")
    found = look()
    assert found["complete"] == 0
    assert "There is nothing to post" in capsys.readouterr().out


def test_a_database_without_any_of_the_tables_is_still_to_be_filled(engine, capsys):
    alter(engine, "DROP TABLE pinterest_data", "DROP TABLE geolocation_data", "DROP TABLE user_data")
    found = look()
    assert (found["changed"], found["rows"], found["complete"]) == (False, {}, 0)
    assert "fill it, such as by 'pinpipe source generate'" in capsys.readouterr().out
    assert look(mode="plan") == {"changed": False, "planned": []}


def test_a_database_that_cannot_be_reached_may_be_tried_again(monkeypatch, tmp_path):
    gone = {"conn_type": "sqlite", "schema": str(tmp_path / "nowhere.db")}
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_SOURCE", json.dumps(gone))
    with pytest.raises(SourceError, match=r"nowhere\.db"):
        look()
    closed = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "login": "me", "password": "s3cret"}
    monkeypatch.setenv("AIRFLOW_CONN_PINPIPE_SOURCE", json.dumps(closed))
    with pytest.raises(SourceError, match=r"127\.0\.0\.1:1") as refused:
        look()
    assert "s3cret" not in str(refused.value)
