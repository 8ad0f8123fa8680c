"""The SQLAlchemy URL of a database that an Airflow connection names."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

# Airflow's connection types that are not SQLAlchemy's names, with the drivers that requirements.txt brings.
_DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2", "mysql": "mysql+pymysql"}


def sqlalchemy_url(connection: Any) -> sa.URL:
    """Return the URL of a connection; its ``extra`` becomes the URL's query.

    :param connection: an Airflow connection: ``conn_type``, ``login``, ``password``, ``host``, ``port``, ``schema``
        (the database) and ``extra_dejson``.
    """
    return sa.URL.create(
        _DRIVERS.get(connection.conn_type, connection.conn_type),
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query={key: str(value) for key, value in connection.extra_dejson.items()},
    )
