"""Answers as files beside the report: each as CSV and as JSON, and all of them in one JSON file."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

from include.questions import QUESTIONS, Question
from pinpipe_airflow.report.receipts import Answer, Answered

FORMS = ("csv", "json")
ALL_ANSWERS = "answers.json"
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}

# Spreadsheets take a cell that begins so for a formula (https://owasp.org/www-community/attacks/CSV_Injection), with
# the full-width forms of = @ + - as well; a number with a sign, such as the age group +50, is none.
_FORMULA = re.compile(r"[=@\t\r\n\uff1d\uff20\uff0b\uff0d]|[+-](?![0-9.,]+\Z)")


def answer_files(answered: Answered) -> dict[str, str]:
    """Return the files by their names, which are relative to the report's folder.

    :param answered: receipt of ``run_questions``.
    """
    files = {ALL_ANSWERS: answered.model_dump_json(exclude={"quarantine_samples"}, indent=1)}
    for question in QUESTIONS:
        if answer := answered.answers.get(question.id):
            files[file_name(question.id, "csv")] = as_csv(answer)
            files[file_name(question.id, "json")] = as_json(question, answer)
    return files


def file_name(question_id: str, form: str) -> str:
    """Return the name of an answer's file, relative to the report's folder."""
    return f"answers/{question_id}.{form}"


def as_csv(answer: Answer) -> str:
    """Return an answer as CSV: texts are quoted, a NULL is empty.

    A text that a spreadsheet would run stands behind an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_STRINGS)
    writer.writerow(_cell(column) for column in answer.columns)
    writer.writerows([_cell(value) for value in row] for row in answer.rows)
    return text.getvalue()


def as_json(question: Question, answer: Answer) -> str:
    """Return an answer as JSON: what was asked, the columns with their Spark types, a row as an object."""
    return json.dumps(
        {
            "id": question.id,
            "title": question.title,
            "text": question.text,
            "columns": [
                {"name": name, "type": type_name} for name, type_name in zip(answer.columns, answer.types, strict=True)
            ],
            "rows": [dict(zip(answer.columns, row, strict=True)) for row in answer.rows],
        },
        ensure_ascii=False,
        indent=1,
    )


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
