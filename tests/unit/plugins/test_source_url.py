from __future__ import annotations

import pytest
from airflow.sdk import Connection
from pinpipe_airflow.source_url import sqlalchemy_url


@pytest.mark.parametrize(
    ("conn_type", "driver"),
    [
        ("postgres", "postgresql+psycopg2"),
        ("postgresql", "postgresql+psycopg2"),
        ("mysql", "mysql+pymysql"),
        ("sqlite", "sqlite"),
    ],
)
def test_a_connection_type_becomes_a_driver(conn_type, driver):
    assert sqlalchemy_url(Connection(conn_id="c", conn_type=conn_type, schema="db")).drivername == driver


def test_every_part_of_the_connection_is_in_the_url():
    connection = Connection(
        conn_id="c",
        conn_type="postgres",
        host="h",
        port=1,
        login="u",
        password="p@:/ss",
        schema="db",
        extra='{"sslmode": "require"}',
    )
    url = sqlalchemy_url(connection)
    assert (url.host, url.port, url.username, url.password, url.database) == ("h", 1, "u", "p@:/ss", "db")
    assert url.query == {"sslmode": "require"}


def test_an_option_that_stands_twice_stays_so():
    connection = Connection(
        conn_id="c", conn_type="postgres", schema="db", extra='{"host": ["a:1", "b:2"], "uri": true}'
    )
    url = sqlalchemy_url(connection)
    assert url.query == {"host": ("a:1", "b:2"), "uri": "True"}


def test_a_connection_that_was_written_as_a_uri_does_too():
    url = sqlalchemy_url(Connection.from_uri("postgresql://u:p%40ss@h:5432/db", conn_id="c"))
    assert url.render_as_string(hide_password=False) == "postgresql+psycopg2://u:p%40ss@h:5432/db"
