"""The connection to the source database, and its errors in words: which database, what it said, the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import sqlalchemy as sa

HIGHEST_PORT = 65_535
CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_S = 300

# Short names, as Airflow and people write them, for the drivers that are installed.
_DRIVERS = {
    "postgres": "postgresql+psycopg2",
    "postgresql": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}

# PyMySQL's options that name a file; libpq names a missing one itself.
_FILES = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "read_default_file")

_LOOK_AT_PASSWORD = "check the user and the password in the address"  # noqa: S105 - no password, but advice
_LOOK_AT_NAME = "check the database's name, the last part of the address"
_LOOK_AT_NAME_AND_RIGHT = "check the database's name, the last part of the address, and the user's right to it"
_LOOK_AT_RIGHTS = (
    "grant the user SELECT on pinterest_data, geolocation_data and user_data; filling them needs CREATE, INSERT and "
    "DELETE too"
)
_LOOK_AT_SERVER = "see that the server runs and answers, and that host and port in the address are its own"
_LOOK_AT_OPTIONS = (
    "check the options, which follow the ? in the address: their names, their values and the files they name"
)
_LOOK_AT_INDEX = (
    "the statement took too long: 'pinpipe source check' tells whether an index is missing; else the server is busy"
)
# What servers and drivers say, without the letters' case; the first that fits counts.
_WAYS_OUT = (
    (r"invalid dsn|invalid connection option|invalid \w+ value: \"|unexpected keyword argument", _LOOK_AT_OPTIONS),
    (r"invalid port number|invalid integer value .* .port.", f"write ports of 1 to {HIGHEST_PORT} in the address"),
    (r"access denied for user .* to database|permission denied for database", _LOOK_AT_NAME_AND_RIGHT),
    (r"command denied|permission denied|readonly database", _LOOK_AT_RIGHTS),
    (r"access denied|authentication failed|no password supplied|role .* does not exist", _LOOK_AT_PASSWORD),
    (r"unknown database|database .* does not exist", _LOOK_AT_NAME),
    (r"statement timeout|maximum statement execution time|max_statement_time", _LOOK_AT_INDEX),
    (r"incorrect string value", "ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4, so that it holds every character"),
    (r"no equivalent in encoding", "make the database with ENCODING 'UTF8', so that it holds every character"),
    (r"unable to open database file|file is not a database", "check the path of the SQLite file"),
    (r"database (table )?is locked", "another process is writing to the file: let it end, then run again"),
    (
        r"can't connect|connection refused|could not translate|timed out|timeout expired|lost connection|gone away"
        r"|server closed the connection|closed unexpectedly|eof detected"
        r"|terminating connection|shutdown|shutting down|starting up|no route to host",
        _LOOK_AT_SERVER,
    ),
    (r"certificate|\bssl\b|\btls\b", _LOOK_AT_OPTIONS),
)
# PyMySQL says so of a server that keeps silent, too; it matters whether there was a connection before.
_WAYS_OUT_ONCE_CONNECTED = ((r"lost connection .* during query .*timed out", _LOOK_AT_INDEX), *_WAYS_OUT)


class SourceError(RuntimeError):
    """The source database cannot be used as asked; the message names what, where and the way out."""


def open_engine(url: str) -> sa.Engine:
    """Return an engine for ``url``, with limits on connecting and waiting; nothing is connected yet.

    :param url: a SQLAlchemy URL; ``postgres://``, ``mysql://`` and ``mariadb://`` are taken too.
    :raises SourceError: when the URL cannot be read, names a database in memory, or its driver is not installed.
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
    except (sa.exc.ArgumentError, ValueError) as error:
        raise SourceError(
            f"the source database's address {_shown(address)} cannot be used: {_one_line(error)}. Way out: "
            f"{_LOOK_AT_OPTIONS}"
        ) from error

    @sa.event.listens_for(engine, "do_connect")
    def _connect(dialect: sa.Dialect, _: Any, args: Any, arguments: Any) -> Any:
        with _naming_what_connecting_lacks(engine):
            return dialect.connect(*args, **arguments)

    if engine.driver == "pymysql":
        sa.event.listen(engine, "connect", _allow_long_statements)
    elif engine.driver in ("psycopg2", "psycopg"):
        sa.event.listen(engine, "connect", _set_limits_in_postgresql)
    return engine


def source_address(url: str) -> sa.URL:
    """Return ``url`` in parts, with the driver in its name and what the source needs of a connection.

    :raises SourceError: when it cannot be read; no part of it is shown, it may hold a password.
    """
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise _malformed() from None
    address = address.set(drivername=drivername(address.drivername))
    if address.get_backend_name() == "sqlite":
        _require_kept_file(address)
    elif url.count("@") > 1:
        raise _malformed()  # the password ends at the first one: the host, or what follows, would be the rest of it
    elif address.port is not None and not 1 <= address.port <= HIGHEST_PORT:
        raise SourceError(f"the source database's address {_shown(address)} has no port of 1 to {HIGHEST_PORT}")
    if address.get_backend_name() in ("mysql", "mariadb"):
        address = address.update_query_dict({"charset": "utf8mb4"})
    return address


def _malformed() -> SourceError:
    return SourceError(
        "the source database's address is not a SQLAlchemy URL: write "
        "<database>+<driver>://<user>:<password>@<host>:<port>/<name>, in user and password %40 for @, %2F for /, "
        "%3A for : and %25 for %"
    )


def _require_kept_file(address: sa.URL) -> None:
    if address.host or address.username or address.port:
        raise SourceError(
            "the source database's address names a server, and SQLite has a file: write sqlite:///posts.db, or "
            "sqlite:////absolute/path/posts.db"
        )
    if _says_uri(address) and not _is_uri(address):
        raise SourceError(
            f"the source database's address {_shown(address)} has the option uri=true and no URI: write "
            "sqlite:///file:/absolute/path/posts.db?uri=true"
        )
    file = sqlite_file(address)
    if file is None or file.name in ("", ":memory:") or (_is_uri(address) and address.query.get("mode") == "memory"):
        raise SourceError(
            f"the source database {_shown(address)} is in memory, where nothing would be kept: name a file, such as "
            "sqlite:////absolute/path/posts.db"
        )


def sqlite_file(address: sa.URL) -> Path | None:
    """Return the file of a SQLite address, whether its path or a ``file:`` URI names it; none: it has none."""
    if not address.database:
        return None
    return Path(unquote(urlsplit(address.database).path) if _is_uri(address) else address.database)


def with_absolute_path(address: sa.URL) -> sa.URL:
    """Return the address as it can be used in another folder; one that is not of SQLite stays as it is."""
    file = sqlite_file(address) if address.get_backend_name() == "sqlite" else None
    if file is None:
        return address
    path = str(file.absolute())
    return address.set(database=f"file:{quote(path)}" if _is_uri(address) else path)


def _is_uri(address: sa.URL) -> bool:
    return _says_uri(address) and (address.database or "").startswith("file:")


def _says_uri(address: sa.URL) -> bool:
    # As SQLAlchemy takes it: https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#uri-connections
    return any(said.strip().lower() in ("true", "yes", "on", "y", "t", "1") for said in _values(address, "uri"))


def drivername(database: str) -> str:
    """Return SQLAlchemy's name of a database and its driver; a name that has one, or is unknown, stays as it is.

    :param database: such as ``postgres``, ``mysql`` or ``mysql+pymysql``.
    """
    return _DRIVERS.get(database, database)


def address_of(engine: sa.Engine) -> str:
    """Return the engine's URL for messages: without password, and of the options those alone that name the server."""
    return _shown(engine.url)


def _shown(address: sa.URL) -> str:
    servers = [f"{key}={value}" for key in ("host", "port", "unix_socket") for value in _values(address, key)]
    base = address.set(query={}).render_as_string(hide_password=True)
    return f"{base}?{'&'.join(servers)}" if servers else base


def _values(address: sa.URL, option: str) -> list[str]:
    """Return the values of an option, which an address may hold more than once."""
    found = address.query.get(option, ())
    return [found] if isinstance(found, str) else list(found)


@contextmanager
def naming_the_database(engine: sa.Engine) -> Iterator[None]:
    """Turn a driver's error into a :class:`SourceError` that names the database, the reason and the way out."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _source_error(engine, error.orig, _WAYS_OUT_ONCE_CONNECTED) from error
    except engine.dialect.loaded_dbapi.Error as error:
        raise _source_error(engine, error, _WAYS_OUT_ONCE_CONNECTED) from error


@contextmanager
def reading(engine: sa.Engine) -> Iterator[None]:
    """Do as :func:`naming_the_database`, and also where what was read is no value of its column's type."""
    try:
        with naming_the_database(engine):
            yield
    except (sa.exc.SQLAlchemyError, ValueError, ArithmeticError) as error:
        raise SourceError(
            f"the source database {address_of(engine)} gave a value that cannot be read: {_one_line(error)}. Way out: "
            "correct or delete its row, or give the column the type that the documentation of the data names"
        ) from error


@contextmanager
def _naming_what_connecting_lacks(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except engine.dialect.loaded_dbapi.Error as error:
        raise _source_error(engine, error, _WAYS_OUT) from error
    except (TypeError, OSError, ValueError, ArithmeticError) as error:
        # No driver's error: an option that it does not know, or whose value or file it cannot use.
        way_out = _way_out(_one_line(error), _WAYS_OUT) or _LOOK_AT_OPTIONS
        files = "".join(
            f"; {option}={value} is no file"
            for option in _FILES
            for value in _values(engine.url, option)
            if not Path(value).exists()
        )
        raise SourceError(
            f"the source database {address_of(engine)} cannot be connected to: {_one_line(error)}{files}. Way out: "
            f"{way_out}"
        ) from error


def require_file(engine: sa.Engine) -> None:
    """See that a SQLite database is there: opening a missing file would make an empty one.

    :raises SourceError: names the file.
    """
    file = sqlite_file(engine.url) if engine.dialect.name == "sqlite" else None
    if file is not None and not file.is_file():
        raise SourceError(
            f"the source database {address_of(engine)} has no file {file.absolute()}: check its path, or make "
            "it by 'pinpipe source generate' or 'pinpipe source load'"
        )


def _arguments(address: sa.URL) -> dict[str, Any]:
    """Return the driver's own limits and session settings: no call may wait for ever, and text is Unicode."""
    match address.get_backend_name(), address.get_driver_name():
        case "postgresql", "psycopg2" | "psycopg":
            # The driver takes one text of options; the address may hold several.
            options = {"options": " ".join(_values(address, "options"))} if "options" in address.query else {}
            return {
                **options,
                "connect_timeout": CONNECT_TIMEOUT_S,
                # Whatever the database's own encoding is.
                "client_encoding": "utf8",
                # A machine that vanished is noticed after about a minute.
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "tcp_user_timeout": 60_000,
            }
        case "mysql" | "mariadb", "pymysql":
            # As text, PyMySQL would send it as Latin-1.
            password = {"password": str(address.password).encode()} if address.password else {}
            return {
                **password,
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


def _set_limits_in_postgresql(connection: Any, _: Any) -> None:
    """Limit a session's statements and have its times in UTC.

    By statements: a pooler between client and server, such as PgBouncer, may refuse ``options`` at the start.
    """
    connection.autocommit = True  # within a transaction, a rollback would take the settings back
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        if cursor.fetchone() == ("0",):  # a limit that the address, the role or the database sets counts
            cursor.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_S * 1000}")
        cursor.execute("SET timezone = 'UTC'")
    connection.autocommit = False


def _source_error(engine: sa.Engine, error: BaseException | None, ways_out: tuple[tuple[str, str], ...]) -> SourceError:
    match getattr(error, "args", ()):
        case (int(code), str(text)):  # PyMySQL
            said = f"{text} (error {code})"
        case _:
            said = str(error)
    reason = _one_line(said)
    way_out = _way_out(reason, ways_out) or "'pinpipe source check' looks at all that is needed"
    return SourceError(f"the source database {address_of(engine)} refused: {reason}. Way out: {way_out}")


def _way_out(reason: str, ways_out: tuple[tuple[str, str], ...]) -> str | None:
    return next((way for pattern, way in ways_out if re.search(pattern, reason, re.IGNORECASE)), None)


def _one_line(said: object) -> str:
    return " ".join(str(said).split()).rstrip(".?")
