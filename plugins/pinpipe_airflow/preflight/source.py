"""Whether the source database answers, and has the tables that the emulators read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from emulator.database import SourceError, open_engine
from emulator.source import TABLES
from pinpipe_airflow.preflight.connections import look_up
from pinpipe_airflow.preflight.result import Check, Finding, not_checked, ok, warning, wrong
from pinpipe_airflow.source_url import sqlalchemy_url

if TYPE_CHECKING:
    from include.settings import Settings

SUBJECT = "source database"


def look(wanted: Settings) -> Iterator[Finding]:
    """Connect, and look for the tables."""
    connection = look_up(wanted.source_conn_id)
    if connection is None:
        yield not_checked(SUBJECT, f"connection {wanted.source_conn_id} is not defined")
        return
    try:
        engine = open_engine(sqlalchemy_url(connection).render_as_string(hide_password=False))
        with engine.connect() as connected:
            there = set(sa.inspect(connected).get_table_names())
        engine.dispose()
    except (SourceError, sa.exc.SQLAlchemyError) as error:
        yield wrong(
            SUBJECT,
            f"connection {wanted.source_conn_id}: {error}",
            "see that it runs, that its security group lets this machine in, and that user and password are its own",
        )
        return
    names = [table.name for table in TABLES.values()]
    missing = [name for name in names if name not in there]
    if missing:
        yield warning(
            SUBJECT,
            f"it answers, and has no table {', '.join(missing)}",
            "fill it (`pinpipe source load` or `generate`), or name the database that has them in the connection",
        )
    else:
        yield ok(SUBJECT, f"it answers, and has {', '.join(names)}")


CHECKS = (Check(SUBJECT, look),)
