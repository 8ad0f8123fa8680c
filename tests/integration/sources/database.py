"""One empty database of a test, on whichever server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

OWNER, OWNER_PASSWORD = "owner", "o@:/% wner"


@dataclass(frozen=True)
class Database:
    """An empty database and how to get at it.

    :param kind: ``postgresql``, ``mariadb`` or ``sqlite``.
    :param address: as its owner, with password.
    :param server: what runs it, with ``start`` and ``stop``; ``None`` for SQLite.
    :param execute: runs statements as the administrator, or on the file.
    """

    kind: str
    address: sa.URL
    server: Any
    execute: Callable[..., None]

    @property
    def url(self) -> str:
        return self.address.render_as_string(hide_password=False)

    def url_with(self, **changed: Any) -> str:
        """Return the URL with other parts: ``username``, ``password``, ``host``, ``port`` or ``database``."""
        return self.address.set(**changed).render_as_string(hide_password=False)

    def quoted(self, name: str) -> str:
        return f"`{name}`" if self.kind == "mariadb" else f'"{name}"'
