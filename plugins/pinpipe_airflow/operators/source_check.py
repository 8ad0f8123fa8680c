"""The operator that looks at the source database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException

from pinpipe_airflow.operators.provisioning import ProvisioningOperator
from pinpipe_airflow.source_url import sqlalchemy_url

if TYPE_CHECKING:
    from airflow.sdk import Context


class SourceCheckOperator(ProvisioningOperator):
    """Sees that posts can be read from the source database; it changes nothing there.

    :param source_conn_id: the Airflow connection to the source database. (templated)
    :return: ``{"changed": False, "database": its address, "rows": {table: number}, "posts": number, "complete": posts
        with all three rows, "notes": what works, but not as its owner may think}``. Of a plan, which looks for the
        same, ``{"changed": False, "planned": []}``.
    :raises emulator.database.SourceError: when the database cannot be reached.
    :raises AirflowFailException: when some of the tables, or columns, are missing or may not be read; it tells all of
        that at once, and no other try is made. A database with none of the tables is one that is still to be filled.
    """

    template_fields: Sequence[str] = ("source_conn_id",)

    def __init__(self, *, source_conn_id: str = "pinpipe_source", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source_conn_id = source_conn_id

    def plan(self) -> list[str]:
        """Look; there is never anything to do."""
        self._look()
        return []

    def apply(self, context: Context) -> dict[str, Any]:
        """Look, and return what there is."""
        return {"changed": False, **self._look()}

    def _look(self) -> dict[str, Any]:
        from emulator.database import address_of, open_engine
        from emulator.source_check import find_problems, has_no_tables
        from emulator.survey import survey

        url = sqlalchemy_url(BaseHook.get_connection(self.source_conn_id))
        engine = open_engine(url.render_as_string(hide_password=False))
        try:
            if has_no_tables(engine):
                return self._not_filled_yet(address_of(engine))
            if problems := find_problems(engine):
                listed = "".join(f"\n  - {problem}" for problem in problems)
                raise AirflowFailException(f"connection {self.source_conn_id!r}: posts cannot be read:{listed}")
            found = survey(engine)
        finally:
            engine.dispose()
        self.log.info("%s: %s posts, %s with all three rows", address_of(engine), found.posts, found.complete)
        for note in found.notes:
            self.log.warning("%s", note)
        if not found.complete:
            self.log.warning("There is nothing to post: fill it, such as by 'pinpipe source generate' or 'source load'")
        return {
            "database": address_of(engine),
            "rows": found.rows,
            "posts": found.posts,
            "complete": found.complete,
            "notes": found.notes,
        }

    def _not_filled_yet(self, address: str) -> dict[str, Any]:
        """Everything else can be made before somebody fills the source."""
        note = "it has none of the tables yet: fill it, such as by 'pinpipe source generate' or 'source load'"
        self.log.warning("%s: %s", address, note)
        return {"database": address, "rows": {}, "posts": 0, "complete": 0, "notes": [note]}
