"""Receipts as the report reads them: what an older version did not write yet may be missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from include.outcomes import QUARANTINED

READ = "read"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class DayWarning(_Part):
    """Something that was kept, but that somebody should know of.

    :param data_set: whose rows or objects it is about.
    :param warning: its kind, such as ``unknown_category``.
    :param value: the value that caused it; ``None`` where there is none, or for all further values together.
    :param count: rows, or objects.
    """

    data_set: str
    warning: str
    value: str | None = None
    count: int


class ReadObject(_Part):
    """A raw object that a cleaning has read: its size in bytes and its lines."""

    size: int = 0
    lines: int = 0


class CleanedDay(_Part):
    """A day's receipt of ``clean_batch``; a count that is left out is 0."""

    day: date
    run_id: str = ""
    rules_version: str | None = None
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    newest_record_at: AwareDatetime | None = None
    data_sets: dict[str, Counter[str]]
    quarantined_by_rule: dict[str, Counter[str]] = Field(default_factory=dict)
    warnings: list[DayWarning] = Field(default_factory=list)
    manifest: list[ReadObject] = Field(default_factory=list)

    def rows(self, data_set: str, count: str) -> int:
        """Return ``read`` or an outcome of a data set; 0 for one that the receipt does not name."""
        return self.data_sets.get(data_set, Counter())[count]

    def quarantined_share(self, data_set: str) -> float | None:
        """Return which share of the rows read was quarantined; ``None`` when nothing was read."""
        read = self.rows(data_set, READ)
        return self.rows(data_set, QUARANTINED) / read if read else None


class Answer(_Part):
    """The rows of an answer, with the names and Spark types of its columns."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]


class Sample(_Part):
    """A quarantined row.

    :param day: ``YYYY-MM-DD``.
    :param key: its key, where it has one.
    :param raw: the line's text, perhaps its beginning only.
    :param characters: length of the whole line, where it is known.
    """

    day: str
    key: str | None = None
    raw: str | None = None
    characters: int | None = None


class Answered(_Part):
    """The receipt of ``run_questions``."""

    run_id: str = ""
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime
    answers: dict[str, Answer]
    counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    quarantine_samples: dict[str, dict[str, list[Sample]]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """A receipt that cannot be read: its key, and what is wrong with it."""

    key: str
    reason: str


def first_fault(error: ValidationError) -> str:
    """Return in one line where a receipt is not as declared, without the values it holds."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in fault["loc"])
    return f"{place}: {fault['msg']}" if place else fault["msg"]
