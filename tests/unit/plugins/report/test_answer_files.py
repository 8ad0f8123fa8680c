"""Answers as files: what a spreadsheet and a program read."""

from __future__ import annotations

import csv
import io
import json

import pytest
from pinpipe_airflow.report.answer_files import answer_files, as_csv, as_json
from pinpipe_airflow.report.receipts import Answer

from include.questions import question

ROWS = [["Lao People's Democratic Republic", 'a "b", c\nd', 3], ["Świętokrzyskie 🎄", None, 0]]


@pytest.fixture
def answer():
    return Answer(columns=["country", "poster_name", "follower_count"], types=["string", "string", "bigint"], rows=ROWS)


def test_csv_is_read_back_as_it_was_with_a_null_as_nothing(answer):
    head, *rows = csv.reader(io.StringIO(as_csv(answer)))
    assert head == answer.columns
    assert rows == [[ROWS[0][0], ROWS[0][1], "3"], [ROWS[1][0], "", "0"]]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "-2+3",
        '+HYPERLINK("x")',
        "-",
        "+50\n",
        "\uff1d1",
        "\uff20SUM(A1)",
        "\uff0b1",
        "\uff0d1",
    ],
)
def test_a_text_that_a_spreadsheet_would_run_stands_behind_an_apostrophe(text):
    written = as_csv(Answer(columns=["a", "b"], types=["string", "string"], rows=[["x", text]]))
    _, (_, cell) = csv.reader(io.StringIO(written, newline=""))
    assert cell == f"'{text}"


@pytest.mark.parametrize("value", ["+50", "-1.5", "18-24", "a=b", -3, 2.5])
def test_numbers_and_age_groups_stay_as_they_are(value):
    cell = f'"{value}"' if isinstance(value, str) else str(value)
    assert as_csv(Answer(columns=["a"], types=["string"], rows=[[value]])) == f'"a"\n{cell}\n'


def test_json_keeps_every_value_and_says_what_it_answers(answer):
    read = json.loads(as_json(question("Q3a"), answer))
    assert (read["id"], read["title"]) == ("Q3a", "Poster with most followers by country")
    assert read["columns"][2] == {"name": "follower_count", "type": "bigint"}
    assert read["rows"][1] == {"country": "Świętokrzyskie 🎄", "poster_name": None, "follower_count": 0}


def test_no_quarantined_row_is_in_any_file(answered):
    sample = {"day": "2026-11-20", "key": "17", "raw": "private"}
    files = answer_files(answered(quarantine_samples={"user": {"age_missing": [sample]}}))
    assert not [name for name, text in files.items() if "private" in text]
    assert json.loads(files["answers.json"])["run_id"] == "answers' run"
