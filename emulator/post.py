"""What a post is: the three rows that share a post number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

type Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Post:
    """One post; a row that the source does not hold is ``None``.

    :param number: the post number: ``index`` of the pin, ``ind`` of the others.
    :param pin: row of ``pinterest_data``, column name to value.
    :param geo: row of ``geolocation_data``.
    :param user: row of ``user_data``.
    """

    number: int
    pin: Row | None
    geo: Row | None
    user: Row | None

    def row(self, dataset: str) -> Row | None:
        """Return the row of ``dataset`` (``pin``, ``geo`` or ``user``)."""
        rows: dict[str, Row | None] = {"pin": self.pin, "geo": self.geo, "user": self.user}
        return rows[dataset]
