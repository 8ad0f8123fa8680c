"""Reads users' own rows from JSON Lines and CSV files, and converts them to the source tables' types."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator.post import Row
from emulator.source import STRING_LENGTH
from include.schema import Column, Dataset

JSON_LINES = (".jsonl", ".ndjson", ".json")
CSV = (".csv",)
_BOM = b"\xef\xbb\xbf"
_INTEGER_BITS = 31
_LONGEST_FIELD = 16 * 1024 * 1024


class FileError(ValueError):
    """A user's file cannot be loaded; the message names file, line, column, value and the way out."""


def read_rows(path: Path, declared: Dataset) -> Iterator[tuple[int, Row]]:
    """Yield ``(line, row)`` of a file, each row with its columns of ``declared`` in the table's types.

    The format goes by the file's extension: JSON Lines (``.jsonl``, ``.ndjson``, ``.json``: one object a line) or CSV
    with a header (``.csv``). UTF-8, with or without a byte order mark. An empty CSV field of a column that is no text
    is NULL. Times with an offset become UTC, as all times of the source are.

    :param path: the file; it is streamed.
    :param declared: the data set whose columns the file must have, no more and, but for optional ones, no fewer, in any
        order.
    :raises FileError: when the file is missing, of another format, or a line does not fit.
    """
    if path.suffix.lower() in JSON_LINES:
        rows = _json_rows(path)
    elif path.suffix.lower() in CSV:
        rows = _csv_rows(path)
    else:
        raise FileError(f"{path}: the extension {path.suffix!r} says no format: use {', '.join(JSON_LINES + CSV)}")
    for line, values in rows:
        _check_columns(f"{path}:{line}", declared, values)
        present = (column for column in declared.columns if column.name in values)
        yield line, {column.name: _convert(f"{path}:{line}", declared, column, values) for column in present}


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield numbered lines with their ends; only a newline ends a line, not Unicode's other separators."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield number, (line.removeprefix(_BOM) if number == 1 else line).decode("utf-8")
                except UnicodeDecodeError as error:
                    raise FileError(
                        f"{path}:{number}: byte {error.start + 1} of the line is not UTF-8: convert the file, "
                        "for example by 'iconv -t utf-8'"
                    ) from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}: give the path of a file that can be read") from error


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except json.JSONDecodeError as error:
            hint = "a JSON array is to be one object a line, for example by \"jq -c '.[]'\"" if line[0] == "[" else ""
            raise FileError(
                f"{path}:{number}: not JSON: {error.msg} at column {error.colno}. {hint}".rstrip()
            ) from None
        if not isinstance(values, dict):
            raise FileError(
                f"{path}:{number}: a JSON {type(values).__name__} where one object a line is needed: "
                "convert an array by \"jq -c '.[]'\""
            )
        yield number, values


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader((line for _, line in _lines(path)), strict=True)
    header: list[str] = []
    line = 1
    try:
        for fields in reader:
            if not header:
                header = [name.strip() for name in fields]
                if len(set(header)) < len(header):
                    raise FileError(f"{path}:1: a column stands twice in the header {', '.join(header)}: keep one")
            elif fields and len(fields) != len(header):
                raise FileError(
                    f"{path}:{line}: {len(fields)} fields, the header has {len(header)}: quote fields that hold commas"
                )
            elif fields:
                yield line, dict(zip(header, fields, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileError(
            f'{path}:{reader.line_num}: not CSV: {error}: quote fields by " and double quotes in them'
        ) from None
    if not header:
        raise FileError(f"{path}: empty: a CSV file needs a header line")


def _check_columns(place: str, declared: Dataset, values: dict[str, Any]) -> None:
    names = [column.name for column in declared.columns]
    missing = [column.name for column in declared.columns if column.name not in values and not column.optional]
    unknown = [name for name in values if name not in names]
    if not missing and not unknown:
        return
    faults = [f"no column {', '.join(map(repr, missing))}"] if missing else []
    faults += [f"unknown column {', '.join(map(repr, unknown))}"] if unknown else []
    raise FileError(
        f"{place}: {' and '.join(faults)}: {declared.source_table} has exactly the columns {', '.join(names)}; "
        "add, rename or drop columns of the file"
    )


def _convert(place: str, declared: Dataset, column: Column, values: dict[str, Any]) -> Any:
    value = values[column.name]
    try:
        return _to_type(value, column, required=column.name == declared.post_number)
    except (TypeError, ValueError, OverflowError) as error:
        shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
        raise FileError(
            f"{place}: column {column.name!r}: {shown} {error}: correct the file and load it again"
        ) from None


def _to_type(value: Any, column: Column, *, required: bool) -> Any:
    textual = column.sql in ("string", "text")
    if value is None or (value == "" and not textual):
        if required:
            raise ValueError("is no post number")
        return None
    if isinstance(value, dict | list):
        raise TypeError("is not a single value")
    match column.sql:
        case "integer":
            return _integer(value)
        case "float":
            return _number(value)
        case "datetime":
            return _moment(value)
        case _:
            return _text(value, STRING_LENGTH if column.sql == "string" else None)


def _integer(value: Any) -> int:
    try:
        number = int(_as_databases_write(value)) if isinstance(value, str) else int(value)
    except ValueError:
        raise ValueError("is not a whole number") from None
    if isinstance(value, float) and value != number:
        raise ValueError("is not a whole number")
    if not -(2**_INTEGER_BITS) <= number < 2**_INTEGER_BITS:
        raise ValueError("does not fit the column: an integer of 32 bits")
    return number


def _number(value: Any) -> float:
    try:
        number = float(_as_databases_write(value) if isinstance(value, str) else value)
    except ValueError:
        raise ValueError("is not a number") from None
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError("is not a number")
    return number


def _as_databases_write(number: str) -> str:
    """Return the text of a number; Python's own ways to write one, ``1_000`` or other scripts' digits, are none here.

    :raises ValueError: when the text is written in such a way.
    """
    if "_" in number or not number.isascii():
        raise ValueError
    return number.strip()


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value.strip())
    except (ValueError, AttributeError):
        raise ValueError("is not a time like 2022-03-14 04:34:13 or 2022-03-14T04:34:13") from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _text(value: Any, longest: int | None) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if longest is not None and len(text) > longest:
        raise ValueError(f"has {len(text)} characters: the column holds {longest}")
    if "\x00" in text:
        raise ValueError("holds a NUL character, which databases refuse")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half of a surrogate pair, which is no character")
    return text
