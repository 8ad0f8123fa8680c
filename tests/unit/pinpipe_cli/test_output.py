import csv
import io
import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from pinpipe_cli.output import ROWS_SHOWN, print_rows

TABLE = pa.table(
    {
        "ind": pa.array([1, 2], pa.int32()),
        "title": ['comma, "quote"\nand line', None],
        "at": pa.array([datetime(2020, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        "day": pa.array([date(2020, 1, 2), None]),
        "coordinates": [[1.5, -2.0], None],
        "median": [3.5, 40000.0],
    }
)


def printed(table, form):
    stream = io.StringIO()
    print_rows(table, form, stream)
    return stream.getvalue()


def test_json_keeps_types_and_writes_times_as_iso():
    assert json.loads(printed(TABLE, "json")) == [
        {
            "ind": 1,
            "title": 'comma, "quote"\nand line',
            "at": "2020-01-02T03:04:05.600000+00:00",
            "day": "2020-01-02",
            "coordinates": [1.5, -2.0],
            "median": 3.5,
        },
        {"ind": 2, "title": None, "at": None, "day": None, "coordinates": None, "median": 40000.0},
    ]


def test_json_keeps_text_readable():
    assert "Curaçao 🎄" in printed(pa.table({"country": ["Curaçao 🎄"]}), "json")


def test_csv_quotes_text_leaves_null_empty_and_writes_lists_as_json():
    assert list(csv.reader(io.StringIO(printed(TABLE, "csv")))) == [
        ["ind", "title", "at", "day", "coordinates", "median"],
        ["1", 'comma, "quote"\nand line', "2020-01-02T03:04:05.600000+00:00", "2020-01-02", "[1.5, -2.0]", "3.5"],
        ["2", "", "", "", "", "40000.0"],
    ]


@pytest.mark.parametrize(("form", "text"), [("json", "[]\n"), ("csv", "ind,title,at,day,coordinates,median\n")])
def test_no_rows_are_still_a_document(form, text):
    assert printed(TABLE.slice(0, 0), form) == text


def test_a_table_shows_names_and_values():
    text = printed(pa.table({"country": ["Peru"], "follower_count": [7]}), "table")
    assert "country" in text
    assert "Peru" in text
    assert "7" in text


def test_a_table_writes_control_characters_out_and_keeps_no_markup():
    text = printed(pa.table({"title": ["\x1b[31mred\nline [bold]x[/bold]"]}), "table")
    assert r"\x1b[31mred\nline [bold]x[/bold]" in text


def test_a_long_table_is_cut_and_says_so():
    rows = ROWS_SHOWN + 1
    text = printed(pa.table({"n": [f"row {number};" for number in range(rows)]}), "table")
    assert text.count("row ") == ROWS_SHOWN
    assert f"{ROWS_SHOWN} of {rows} rows" in text
    assert printed(pa.table({"n": range(rows)}), "csv").count("\n") == rows + 1


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match=r"no format 'xml': there are table, csv, json"):
        print_rows(TABLE, "xml")
