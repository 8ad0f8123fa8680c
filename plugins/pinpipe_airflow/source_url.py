"""The SQLAlchemy URL of a database that an Airflow connection names."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from emulator.database import drivername


def sqlalchemy_url(connection: Any) -> sa.URL:
    """Return the URL of a connection; its ``extra`` becomes the URL's query.

    :param connection: an Airflow connection: ``conn_type``, ``login``, ``password``, ``host``, ``port``, ``schema``
        (the database) and ``extra_dejson``.
    """
    return sa.URL.create(
        drivername(connection.conn_type),
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query={key: _option(value) for key, value in connection.extra_dejson.items()},
    )


def _option(value: Any) -> str | list[str]:
    """Return an option's value, or its values where the URL holds it more than once."""
    return [str(each) for each in value] if isinstance(value, list) else str(value)
