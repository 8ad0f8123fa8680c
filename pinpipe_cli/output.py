"""Prints tables on a terminal, as CSV and as JSON.

Times are ISO 8601 in UTC. CSV leaves NULL empty and writes lists as JSON; JSON keeps every value's type.
"""

from __future__ import annotations

import csv
import json
import sys
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

ROWS_SHOWN = 100
_CELL_WIDTH = 60  # on a terminal; CSV and JSON are never cut
_PIPE_WIDTH = 10_000
_UNSHOWN = ("Cc", "Zl", "Zp")  # control characters, line and paragraph separators


def print_rows(table: Any, form: str, stream: TextIO | None = None) -> None:
    """Print an Arrow table.

    :param table: a ``pyarrow.Table``.
    :param form: ``table`` shows the first :data:`ROWS_SHOWN` rows, long texts cut; ``csv`` and ``json`` give all.
    :param stream: where to; default: standard output.
    :raises ValueError: when there is no such form.
    """
    forms = {"table": _print_table, "csv": _print_csv, "json": _print_json}
    if form not in forms:
        raise ValueError(f"no format {form!r}: there are {', '.join(forms)}")
    forms[form](table, stream or sys.stdout)


def _print_table(table: Any, stream: TextIO) -> None:
    shown = Table()
    for field in table.schema:
        number = str(field.type) in ("int32", "int64", "double")
        shown.add_column(Text(field.name), justify="right" if number else "left", max_width=_CELL_WIDTH, no_wrap=True)
    for row in _rows(table.slice(0, ROWS_SHOWN)):
        shown.add_row(*(Text(visible(_as_text(value)), overflow="ellipsis") for value in row))
    screen = console(stream)
    screen.print(shown)
    if table.num_rows > ROWS_SHOWN:
        screen.print(f"{ROWS_SHOWN} of {table.num_rows} rows; all of them: --format csv or --format json")


def _print_csv(table: Any, stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.schema.names)
    writer.writerows([_as_text(value) for value in row] for row in _rows(table))


def _print_json(table: Any, stream: TextIO) -> None:
    names = table.schema.names
    separator = "[\n"
    for row in _rows(table):
        stream.write(separator + json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=_iso))
        separator = ",\n"
    stream.write("\n]\n" if table.num_rows else "[]\n")


def _rows(table: Any) -> Iterator[tuple[Any, ...]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        return _iso(value)
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, default=_iso)
    return str(value)


def _iso(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__} {value!r}")


def visible(text: str) -> str:
    """Return ``text`` on one line, with control characters written out: they could take over a terminal."""
    return "".join(repr(char)[1:-1] if unicodedata.category(char) in _UNSHOWN else char for char in text)


def console(stream: TextIO) -> Console:
    """Return what prints to a terminal in colour, and elsewhere in lines that are not wrapped."""
    return Console(file=stream, width=None if stream.isatty() else _PIPE_WIDTH, highlight=False)
