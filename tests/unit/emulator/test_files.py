import json
from datetime import datetime

import pytest

from emulator.files import FileError, read_rows
from include.schema import dataset

GEO = dataset("geo")
ROW = {"ind": 7, "timestamp": "2022-03-14 04:34:13", "latitude": 17.5, "longitude": -1, "country": "Chad"}
HEADER = "ind,timestamp,latitude,longitude,country\n"
CLEAN = {
    "ind": 7,
    "timestamp": datetime(2022, 3, 14, 4, 34, 13),
    "latitude": 17.5,
    "longitude": -1.0,
    "country": "Chad",
}


@pytest.fixture
def written(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def rows_of(path, declared=GEO):
    return [row for _, row in read_rows(path, declared)]


def jsonl(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("name", ["geo.jsonl", "geo.ndjson", "geo.json", "GEO.JSONL"])
def test_json_lines_become_rows_of_the_tables_types(written, name):
    assert rows_of(written(name, jsonl(ROW))) == [CLEAN]


def test_csv_becomes_rows_of_the_tables_types_whatever_the_order_of_its_columns(written):
    content = "country,ind,timestamp,longitude,latitude\nChad,7,2022-03-14T04:34:13,-1,17.5\n"
    assert rows_of(written("geo.csv", content)) == [CLEAN]


@pytest.mark.parametrize(("name", "content"), [("geo.jsonl", jsonl(ROW)), ("geo.csv", HEADER + "7,,,,\n")])
def test_a_byte_order_mark_is_tolerated(written, name, content):
    assert rows_of(written(name, b"\xef\xbb\xbf" + content.encode()))[0]["ind"] == 7


def test_csv_of_windows_and_blank_lines_are_read(written):
    assert len(rows_of(written("geo.csv", (HEADER + "7,,,,\n\n8,,,,\n").replace("\n", "\r\n")))) == 2
    assert len(rows_of(written("geo.jsonl", jsonl(ROW) + "\n" + jsonl(ROW)))) == 2


def test_empty_csv_fields_are_null_but_in_text_columns(written):
    (row,) = rows_of(written("geo.csv", HEADER + "7,,,,\n"))
    assert row == {"ind": 7, "timestamp": None, "latitude": None, "longitude": None, "country": ""}


def test_inner_text_stays_as_it_is_newlines_and_all(written):
    odd = ' a "quoted",\u2028 b\nc\u00a0'
    quoted = odd.replace('"', '""')
    assert rows_of(written("geo.csv", f'{HEADER}7,,,,"{quoted}"\n'))[0]["country"] == odd
    assert rows_of(written("geo.jsonl", jsonl({**ROW, "country": odd})))[0]["country"] == odd


def test_numbers_in_text_columns_become_text(written):
    pin = {column.name: "x" for column in dataset("pin").columns}
    path = written("pin.jsonl", jsonl({**pin, "index": "5", "downloaded": "1", "follower_count": 1200}))
    (row,) = rows_of(path, dataset("pin"))
    assert (row["index"], row["downloaded"], row["follower_count"]) == (5, 1, "1200")


def test_times_with_an_offset_become_utc(written):
    path = written("geo.jsonl", jsonl({**ROW, "timestamp": "2022-03-14T04:00:00+02:00"}))
    assert rows_of(path)[0]["timestamp"] == datetime(2022, 3, 14, 2)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("ind", None, "None is no post number"),
        ("ind", "seven", "'seven' is not a whole number"),
        ("ind", 7.5, "7.5 is not a whole number"),
        ("ind", "1_000", "'1_000' is not a whole number"),
        ("ind", "١٢", "'١٢' is not a whole number"),
        ("ind", 2**31, "2147483648 does not fit the column"),
        ("latitude", "north", "'north' is not a number"),
        ("latitude", "1_0.5", "'1_0.5' is not a number"),
        ("latitude", True, "True is not a number"),
        ("latitude", float("nan"), "nan is not a number"),
        ("timestamp", "2020:08:28 10:00", "'2020:08:28 10:00' is not a time like 2022-03-14 04:34:13"),
        ("timestamp", 5, "5 is not a time"),
        ("country", ["Chad"], r"\['Chad'\] is not a single value"),
        ("country", "x" * 256, r"'x+\.\.\. has 256 characters: the column holds 255"),
        ("country", "a\x00b", "NUL character"),
        ("country", "a\ud800b", "half of a surrogate pair"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_file_line_and_column(written, column, value, reason):
    path = written("geo.jsonl", jsonl(ROW, {**ROW, column: value}))
    with pytest.raises(FileError, match=rf"geo.jsonl:2: column '{column}': .*{reason}.*: correct the file"):
        rows_of(path)


def test_the_line_of_a_csv_row_is_where_it_begins(written):
    path = written("geo.csv", HEADER + '7,,,,"two\nlines"\n8,,south,,\n')
    with pytest.raises(FileError, match=r"geo.csv:4: column 'latitude': 'south'"):
        rows_of(path)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("geo.csv", "", "empty: a CSV file needs a header"),
        ("geo.csv", "ind,timestamp,latitude,country\n7,,,\n", "geo.csv:2: no column 'longitude': geolocation_data has"),
        ("geo.csv", "ind,ind\n", "a column stands twice in the header"),
        ("geo.csv", HEADER + "7,,,\n", "geo.csv:2: 4 fields, the header has 5"),
        ("geo.csv", HEADER + '7,,,,"open\n', "not CSV"),
        ("geo.jsonl", jsonl({**ROW, "_topic": "t"}), "geo.jsonl:1: unknown column '_topic'"),
        ("geo.jsonl", jsonl(ROW) + "{broken\n", "geo.jsonl:2: not JSON"),
        ("geo.json", "[\n{}]\n", r"not JSON.*jq -c '\.\[\]'"),
        ("geo.json", json.dumps([ROW]), "JSON list where one object a line is needed"),
        ("geo.jsonl", b'{"ind": "\xff"}\n', "geo.jsonl:1: byte 10 of the line is not UTF-8"),
        ("geo.xlsx", "", "the extension '.xlsx' says no format: use .jsonl, .ndjson, .json, .csv"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_the_way_out(written, name, content, reason):
    with pytest.raises(FileError, match=reason):
        rows_of(written(name, content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match=r"gone.csv: No such file or directory: give the path"):
        rows_of(tmp_path / "gone.csv")
