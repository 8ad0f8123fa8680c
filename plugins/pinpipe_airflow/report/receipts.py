"""Receipts as the report reads them: what an older version did not write yet may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema, core_schema

from include.outcomes import QUARANTINED

READ = "read"
FIRST_DAY = date(1970, 1, 1)  # records have milliseconds since then

Count = Annotated[int, Field(ge=0, le=2**63 - 1)]  # Spark's long
# Clear of the calendar's ends, so that every one of them can be told in UTC.
Moment = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC))]


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
    count: Count


class DayExpectation(_Part):
    """A figure of a day and the bounds that it was expected within.

    :param data_set: of what it is.
    :param name: of the figure, such as ``null_share``; one that ends so is a share, others are rows.
    :param column: of the data set, ``None`` where the figure is of whole rows.
    :param low: smallest value expected, ``None`` where there was nothing to compare with; ``high`` likewise.
    """

    data_set: str
    name: str
    column: str | None = None
    value: Annotated[float, Field(allow_inf_nan=False)]
    low: Annotated[float | None, Field(allow_inf_nan=False)] = None
    high: Annotated[float | None, Field(allow_inf_nan=False)] = None
    met: bool


@dataclass(frozen=True, slots=True)
class ReadObject:
    """A raw object that a cleaning has read: its size in bytes and its lines."""

    size: Count = 0
    lines: Count = 0


@dataclass(frozen=True, slots=True)
class ReadObjects:
    """How much a cleaning has read: the sums of a manifest, whose entries are not kept."""

    objects: int = 0
    size: int = 0
    lines: int = 0

    @classmethod
    def of(cls, manifest: list[ReadObject]) -> Self:
        """Return the sums of a manifest."""
        return cls(len(manifest), sum(entry.size for entry in manifest), sum(entry.lines for entry in manifest))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[Self], handler: GetCoreSchemaHandler) -> CoreSchema:
        """A receipt holds the list: a day may have some hundred thousand entries, and a report has all days."""
        return core_schema.no_info_after_validator_function(cls.of, handler.generate_schema(list[ReadObject]))


class CleanedDay(_Part):
    """A day's receipt of ``clean_batch``; a count that is left out is 0."""

    day: Annotated[date, Field(ge=FIRST_DAY)]
    run_id: str = ""
    rules_version: str | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = None
    newest_record_at: Moment | None = None
    data_sets: dict[str, dict[str, Count]]
    quarantined_by_rule: dict[str, dict[str, Count]] = Field(default_factory=dict)
    warnings: list[DayWarning] = Field(default_factory=list)
    expectations: list[DayExpectation] = Field(default_factory=list)
    manifest: ReadObjects = ReadObjects()

    def rows(self, data_set: str, count: str) -> int:
        """Return ``read`` or an outcome of a data set; 0 for one that the receipt does not name."""
        return self.data_sets.get(data_set, {}).get(count, 0)

    def quarantined_share(self, data_set: str) -> float | None:
        """Return which share of the rows read was quarantined; ``None`` when nothing was read."""
        read = self.rows(data_set, READ)
        return self.rows(data_set, QUARANTINED) / read if read else None


class Answer(_Part):
    """The rows of an answer, with the names and Spark types of its columns."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]

    @model_validator(mode="after")
    def _one_type_and_value_for_each_column(self) -> Self:
        if len(self.types) != len(self.columns):
            raise ValueError(f"it has {len(self.columns):,} of columns and {len(self.types):,} of types")
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"it has {len(self.columns):,} of columns and {len(row):,} of values in row {number:,}"
                )
        return self


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
    characters: Count | None = None


class Answered(_Part):
    """The receipt of ``run_questions``."""

    run_id: str = ""
    started_at: Moment | None = None
    finished_at: Moment
    answers: dict[str, Answer]
    counts: dict[str, dict[str, Count]] = Field(default_factory=dict)
    quarantine_samples: dict[str, dict[str, list[Sample]]] = Field(default_factory=dict)


class StreamRows(_Part):
    """Rows of a run of ``clean_stream``: read = appended + quarantined."""

    read: Count = 0
    appended: dict[str, Count] = Field(default_factory=dict)
    quarantined: Count = 0


class StreamBeat(_Part):
    """The newest heartbeat of ``clean_stream``; its rows are those of one run.

    :param lag_ms: from the newest record's arrival in its stream to its commit, of the last micro-batch.
    """

    run_id: str
    state: str
    started_at: Moment | None = None
    beat_at: Moment
    progressed_at: Moment | None = None
    newest_record_at: Moment | None = None
    lag_ms: int | None = None
    rows: StreamRows = StreamRows()
    quarantined_by_rule: dict[str, dict[str, Count]] = Field(default_factory=dict)
    stopping_because: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Problem:
    """A receipt that is not taken.

    :param key: its key.
    :param reason: what is wrong with it.
    :param way_out: what to do about it.
    """

    key: str
    reason: str
    way_out: str


def first_fault(error: ValidationError) -> str:
    """Return in one line where a receipt is not as declared, without the values it holds."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step) for step in fault["loc"])
    reason = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {reason}" if place else reason
