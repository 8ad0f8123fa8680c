"""The connection to the source database, and its errors in words: which database, what it said, the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 300

# Short names, as Airflow and people write them, for the drivers that are installed.
_DRIVERS = {
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}

_LOOK_AT_PASSWORD = "check the user and the password in the address"  # noqa: S105 - no password, but advice
_LOOK_AT_NAME = "check the database's name, the last part of the address"
_LOOK_AT_NAME_AND_RIGHT = "check the database's name, the last part of the address, and the user's right to it"
_LOOK_AT_RIGHTS = (
    "grant the user SELECT on pinterest_data, geolocation_data and user_data; filling them needs CREATE, INSERT and "
    "DELETE too"
)
_LOOK_AT_SERVER = "see that the server runs and answers, and that host and port in the address are its own"
# What servers and drivers say, without the letters' case; the first that fits counts.
_WAYS_OUT = (
    (r"access denied for user .* to database|permission denied for database", _LOOK_AT_NAME_AND_RIGHT),
    (r"command denied|permission denied|readonly database", _LOOK_AT_RIGHTS),
    (r"access denied|authentication failed|no password supplied|role .* does not exist", _LOOK_AT_PASSWORD),
    (r"unknown database|database .* does not exist", _LOOK_AT_NAME),
    (r"statement timeout|maximum statement execution time", "see 'pinpipe source check': an index may be missing"),
    (r"incorrect string value", "ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4, so that it holds every character"),
    (r"unable to open database file|file is not a database", "check the path of the SQLite file"),
    (
        r"can't connect|connection refused|could not translate|timed out|timeout expired|lost connection|gone away"
        r"|server closed the connection|terminating connection|shutdown|shutting down|starting up|no route to host",
        _LOOK_AT_SERVER,
    ),
)


class SourceError(RuntimeError):
    """The source database cannot be used as asked; the message names what, where and the way out."""


def open_engine(url: str) -> sa.Engine:
    """Return an engine for ``url``, with limits on connecting and waiting; nothing is connected yet.

    :param url: a SQLAlchemy URL; ``postgres://``, ``mysql://`` and ``mariadb://`` are taken too.
    :raises SourceError: when the URL cannot be read or its driver is not installed.
    """
    address = source_address(url)
    try:
        engine = sa.create_engine(address, connect_args=_arguments(address), pool_pre_ping=True, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise SourceError(
            f"the driver of {address.drivername!r} is not installed, there is no module {error.name!r}: install it, or "
            "leave the driver out of the address"
        ) from error
    except sa.exc.NoSuchModuleError as error:
        raise SourceError(
            f"SQLAlchemy knows no database {address.drivername!r}: write postgresql, mysql, mariadb or sqlite, "
            "or install its dialect"
        ) from error
    if engine.driver == "pymysql":
        sa.event.listen(engine, "connect", _allow_long_statements)
    return engine


def source_address(url: str) -> sa.URL:
    """Return ``url`` in parts, with the driver in its name and what the source needs of a connection.

    :raises SourceError: when it cannot be read; no part of it is shown, it may hold a password.
    """
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise SourceError(
            "the source database's address is not a SQLAlchemy URL: write "
            "<database>+<driver>://<user>:<password>@<host>:<port>/<name>, in user and password %40 for @, %2F for /, "
            "%3A for : and %25 for %"
        ) from None
    address = address.set(drivername=drivername(address.drivername))
    if address.get_backend_name() in ("mysql", "mariadb"):
        address = address.update_query_dict({"charset": "utf8mb4"})
    return address


def drivername(database: str) -> str:
    """Return SQLAlchemy's name of a database and its driver; a name that has one, or is unknown, stays as it is.

    :param database: such as ``postgres``, ``mysql`` or ``mysql+pymysql``.
    """
    return _DRIVERS.get(database, database)


def address_of(engine: sa.Engine) -> str:
    """Return the engine's URL without password and without options, for messages."""
    return engine.url.set(query={}).render_as_string(hide_password=True)


@contextmanager
def naming_the_database(engine: sa.Engine) -> Iterator[None]:
    """Turn a driver's error into a :class:`SourceError` that names the database, the reason and the way out."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _source_error(engine, error.orig) from error
    except engine.dialect.loaded_dbapi.Error as error:
        raise _source_error(engine, error) from error


def require_file(engine: sa.Engine) -> None:
    """See that a SQLite database is there: opening a missing file would make an empty one.

    :raises SourceError: names the file.
    """
    file = engine.url.database
    if engine.dialect.name != "sqlite" or not file or file.startswith((":memory:", "file:")):
        return
    if not Path(file).is_file():
        raise SourceError(
            f"the source database {address_of(engine)} has no file {Path(file).absolute()}: check its path, or make "
            "it by 'pinpipe source generate' or 'pinpipe source load'"
        )


def _arguments(address: sa.URL) -> dict[str, Any]:
    """Return the driver's own limits and session settings: no call may wait for ever, and times are UTC."""
    match address.get_backend_name(), address.get_driver_name():
        case "postgresql", "psycopg2" | "psycopg":
            own = f"-c statement_timeout={STATEMENT_TIMEOUT_S * 1000} -c timezone=UTC"
            return {
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": f"{own} {address.query.get('options', '')}".rstrip(),
                # A machine that vanished is noticed after about a minute.
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "tcp_user_timeout": 60_000,
            }
        case "mysql" | "mariadb", "pymysql":
            return {
                "connect_timeout": CONNECT_TIMEOUT_S,
                # Also of the server's greeting; a connection gets the time of a statement afterwards.
                "read_timeout": CONNECT_TIMEOUT_S,
                "write_timeout": STATEMENT_TIMEOUT_S,
                "init_command": "SET time_zone = '+00:00'",
            }
        case _:
            return {}


def _allow_long_statements(connection: Any, _: Any) -> None:
    connection._read_timeout = STATEMENT_TIMEOUT_S  # PyMySQL has no other way to part the two


def _source_error(engine: sa.Engine, error: BaseException | None) -> SourceError:
    match getattr(error, "args", ()):
        case (int(code), str(text)):  # PyMySQL
            said = f"{text} (error {code})"
        case _:
            said = str(error)
    reason = " ".join(said.split()).rstrip(".?")
    way_out = next(
        (way for pattern, way in _WAYS_OUT if re.search(pattern, reason, re.IGNORECASE)),
        "'pinpipe source check' looks at all that is needed",
    )
    return SourceError(f"the source database {address_of(engine)} refused: {reason}. Way out: {way_out}")
