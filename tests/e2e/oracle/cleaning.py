"""What the clean tables and the quarantine of a day must hold, computed from the records of the Kafka log.

The steps are those of the data contract, in its order: repeats of an address, rules, conversions, one row per key.
"""

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.e2e.oracle import conversion
from tests.e2e.oracle.contract import (
    ADDRESS_COLUMNS,
    CATEGORIES,
    CLEAN_COLUMNS,
    DEAD_LETTER,
    MEDIA_TYPES,
    OPTIONAL_COLUMNS,
    PLACEHOLDERS,
    RESCUED_COLUMN,
    SAVE_LOCATION_PREFIX,
    SOURCE_COLUMNS,
    SOURCE_KEY,
)
from tests.e2e.oracle.rescue import rescued

Row = dict[str, Any]

COUNTS = ("read", "clean", "redelivered", "identical", "superseded", "quarantined")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# https://github.com/FasterXML/jackson-core/blob/2.18/src/main/java/com/fasterxml/jackson/core/StreamReadConstraints.java
JACKSONS_LIMIT = 1000


@dataclass(frozen=True)
class Record:
    """One record as the log holds it, or one more copy of it.

    :param dataset: `pin`, `geo`, `user`, or `dead_letter` for a record of the dead-letter topic.
    :param log_timestamp_ms: the log's timestamp, milliseconds since 1970 UTC.
    :param value: the value's bytes, or their text.
    """

    dataset: str
    topic: str
    partition: int
    offset: int
    log_timestamp_ms: int
    value: bytes | str

    @property
    def address(self) -> tuple[str, int, int]:
        """Topic, partition and offset."""
        return self.topic, self.partition, self.offset

    @property
    def logged_at(self) -> datetime:
        """The log timestamp, UTC."""
        return _EPOCH + timedelta(milliseconds=self.log_timestamp_ms)


@dataclass(frozen=True)
class Quarantined:
    """A record that broke a rule.

    :param key: text of the data set's key column (stripped), None when there is none.
    :param rules: all rules that it breaks, sorted by name.
    :param raw: text of the value, or `base64:<...>` when it is not UTF-8.
    """

    data_set: str
    key: str | None
    rules: list[str]
    raw: str
    topic: str
    partition: int
    offset: int
    ingest_date: date


@dataclass
class Day:
    """All that a day's cleaning must have produced.

    :param clean: rows by data set; columns as in the clean table, then `ingest_date`, `ingested_at` and the address.
    :param counts: by data set (`dead_letter` too), then by the names of :data:`COUNTS`.
    :param warnings: clean pins with an unknown `category` or `is_image_or_video`, by column.
    """

    day: date
    clean: dict[str, list[Row]]
    quarantined: list[Quarantined] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)


def clean_days(records: Iterable[Record]) -> dict[date, Day]:
    """Clean every UTC day that the records fall on; see :func:`clean_day`."""
    by_day: dict[date, list[Record]] = defaultdict(list)
    for record in records:
        by_day[record.logged_at.date()].append(record)
    return {day: clean_day(day, of_day) for day, of_day in sorted(by_day.items())}


def clean_day(day: date, records: Iterable[Record]) -> Day:
    """Clean one day.

    :param records: the day's records in any order, with every copy of a redelivered one.
    :raises ValueError: a record of another day or of no known data set, or two different records at one address.
    """
    parsed = [(record, _parse(record)) for record in records]
    counts = {name: dict.fromkeys(COUNTS, 0) for name in (*SOURCE_COLUMNS, DEAD_LETTER)}
    result = Day(day, clean={name: [] for name in SOURCE_COLUMNS}, counts=counts)
    first_copies: dict[tuple[str, int, int], Record] = {}
    candidates: dict[str, list[Row]] = {name: [] for name in SOURCE_COLUMNS}

    for record, columns in parsed:
        if record.logged_at.date() != day:
            raise ValueError(f"record {record.address} is of {record.logged_at}, not of the day {day}")
        data_set = DEAD_LETTER if columns is None else record.dataset
        counts[data_set]["read"] += 1
        if record.address in first_copies:
            _require_same(first_copies[record.address], record)
            counts[data_set]["redelivered"] += 1
            continue
        first_copies[record.address] = record
        row, rules = (None, ["unparsable"]) if columns is None else clean_row(data_set, columns, record.logged_at)
        if row is None:
            result.quarantined.append(_quarantined(data_set, record, columns, rules))
            counts[data_set]["quarantined"] += 1
        else:
            place = dict(zip(ADDRESS_COLUMNS, record.address, strict=True))
            candidates[data_set].append(logged(row, {"ingest_date": day, "ingested_at": record.logged_at, **place}))

    for data_set, rows in candidates.items():
        result.clean[data_set] = _one_row_per_key(data_set, rows, counts[data_set])
        counts[data_set]["clean"] = len(result.clean[data_set])
    result.warnings = {
        "category": sum(row["category"] not in CATEGORIES for row in result.clean["pin"]),
        "is_image_or_video": sum(row["is_image_or_video"] not in MEDIA_TYPES for row in result.clean["pin"]),
    }
    result.quarantined.sort(key=lambda row: (row.data_set, row.topic, row.partition, row.offset))
    _require_equation(result)
    return result


def logged(row: Row, place: Row) -> Row:
    """A clean row with what its log says of it, in the order of the tables."""
    last = {RESCUED_COLUMN: row[RESCUED_COLUMN]}
    return {**{name: value for name, value in row.items() if name not in last}, **place, **last}


def clean_row(data_set: str, columns: Mapping[str, Any], logged_at: datetime) -> tuple[Row | None, list[str]]:
    """The clean columns of one JSON object, the rescued one last, and no rules; or None and the broken rules, sorted.

    :param columns: the object's columns; a number as :class:`conversion.JsonNumber`.
    """
    values: Row = {}
    broken: list[str] = []
    for column in SOURCE_COLUMNS[data_set]:
        sent = _text(columns.get(column))
        text = (sent or "").strip()
        if column not in columns and column not in OPTIONAL_COLUMNS:
            broken.append(f"{column}_missing")
        elif text in PLACEHOLDERS.get(column, ()) or (not text and column in PLACEHOLDERS.keys() | OPTIONAL_COLUMNS):
            values[column] = None
        elif not text:
            broken.append(f"{column}_missing")
        else:
            try:
                values[column] = _convert(column, columns[column], text, logged_at)
            except conversion.BrokenRuleError as error:
                broken.append(f"{column}_{error.kind}")
    if broken:
        return None, sorted(broken)
    return {**_assemble(data_set, values), RESCUED_COLUMN: rescued(data_set, columns)}, []


def log_order(row: Row) -> tuple[datetime, int, int]:
    """By log timestamp, partition and offset."""
    return row["ingested_at"], row["partition"], row["offset"]


def raw_columns(raw: str) -> dict[str, Any]:
    """The columns of a raw line without the four that the sink adds, for comparing raw texts by what they say."""
    added = {"_topic", "_partition", "_offset", "_timestamp"}
    return {name: value for name, value in json.loads(raw).items() if name not in added}


def _parse(record: Record) -> dict[str, Any] | None:
    if record.dataset == DEAD_LETTER:
        return None
    if record.dataset not in SOURCE_COLUMNS:
        raise ValueError(f"data set {record.dataset!r} of {record.address}: pin, geo, user or {DEAD_LETTER} wanted")
    return parse(record.value)


def parse(content: bytes | str) -> dict[str, Any] | None:
    """The columns of one JSON object, its numbers as :class:`conversion.JsonNumber`; None when it is none.

    Nor is it one beyond the limits of Jackson, which Spark reads JSON with: levels, and digits of a number.
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8")
        value = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # of decoding as well as of JSON; levels without end
        return None
    return value if isinstance(value, dict) and _levels(value) <= JACKSONS_LIMIT else None


def _number(literal: str) -> conversion.JsonNumber:
    if sum(map(str.isdigit, literal)) > JACKSONS_LIMIT:
        raise ValueError("Jackson reads no number of so many digits")
    return conversion.JsonNumber(literal)


def _levels(value: Any) -> int:
    deepest, found = 0, [(value, 1)]
    while found:
        inner, level = found.pop()
        if isinstance(inner, dict | list):
            deepest = max(deepest, level)
            found += [(each, level + 1) for each in (inner.values() if isinstance(inner, dict) else inner)]
    return deepest


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return _json_text(value)


def _json_text(value: Any) -> str:
    """An object, an array, true or false as the compact JSON that it is; its numbers as they were sent."""
    match value:
        case conversion.JsonNumber():
            return str(value)
        case dict():
            return "{" + ",".join(f"{_json_text(name)}:{_json_text(inner)}" for name, inner in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_json_text, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _convert(column: str, sent: Any, text: str, logged_at: datetime) -> Any:
    match column:
        case "index" | "ind":
            return conversion.post_number(text)
        case "unique_id":
            return conversion.uuid_text(text)
        case "age":
            return conversion.age(text)
        case "latitude":
            return conversion.latitude(text)
        case "longitude":
            return conversion.longitude(text)
        case "timestamp" | "date_joined":
            return conversion.time(text, logged_at)
        case "follower_count":
            return conversion.follower_count(text, isinstance(sent, conversion.JsonNumber))
        case _ if isinstance(sent, dict | list | bool):
            raise conversion.BrokenRuleError("unparsable")
        case _:
            return text


def _assemble(data_set: str, values: Row) -> Row:
    match data_set:
        case "pin":
            derived = {
                "ind": values["index"],
                "save_location": values["save_location"].removeprefix(SAVE_LOCATION_PREFIX),
            }
        case "geo":
            derived = {"coordinates": [values["latitude"], values["longitude"]]}
        case _:
            derived = {"user_name": values["first_name"] + " " + values["last_name"]}
    everything = {**values, **derived}
    return {column: everything[column] for column in CLEAN_COLUMNS[data_set]}


def _quarantined(data_set: str, record: Record, columns: dict[str, Any] | None, rules: list[str]) -> Quarantined:
    return Quarantined(
        data_set,
        key_text(data_set, columns),
        rules,
        raw_text(record.value),
        *record.address,
        ingest_date=record.logged_at.date(),
    )


def key_text(data_set: str, columns: Mapping[str, Any] | None) -> str | None:
    """The stripped text of a data set's key column, None when there is none."""
    if columns is None:
        return None
    return (_text(columns.get(SOURCE_KEY[data_set])) or "").strip() or None


def raw_text(value: bytes | str) -> str:
    """What the quarantine keeps of a value: its text, or `base64:<...>` when it is not UTF-8."""
    if isinstance(value, str):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode("ascii")


def _one_row_per_key(data_set: str, rows: list[Row], counts: dict[str, int]) -> list[Row]:
    by_key: dict[Any, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=log_order):
        by_key[row[SOURCE_KEY[data_set]]].append(row)
    kept = []
    for *earlier, last in by_key.values():
        kept.append(last)
        kinds = Counter(
            "identical" if _content(data_set, row) == _content(data_set, last) else "superseded" for row in earlier
        )
        for kind, number in kinds.items():
            counts[kind] += number
    return sorted(kept, key=lambda row: (row["topic"], row["partition"], row["offset"]))


def _content(data_set: str, row: Row) -> tuple[Any, ...]:
    return tuple(row[column] for column in (*CLEAN_COLUMNS[data_set], RESCUED_COLUMN))


def _require_same(first: Record, copy: Record) -> None:
    if (first.dataset, first.log_timestamp_ms, first.value) != (copy.dataset, copy.log_timestamp_ms, copy.value):
        raise ValueError(f"two different records at {first.address}: {first} and {copy}")


def _require_equation(day: Day) -> None:
    for data_set, counts in day.counts.items():
        if counts["read"] != sum(counts[name] for name in COUNTS if name != "read"):
            raise AssertionError(f"{data_set} of {day.day} does not add up: {counts}")
