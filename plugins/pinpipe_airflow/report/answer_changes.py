"""How the answers differ from those of the last report: rows that are new, gone, or of another value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.questions import QUESTIONS
from pinpipe_airflow.report.receipts import Answer, Answered

_NUMBERS = ("int", "bigint", "double")


@dataclass(frozen=True)
class ChangedValue:
    """A value that is another one now.

    :param row: what names the row: its values that are no measures.
    :param column: the measure.
    """

    row: tuple[Any, ...]
    column: str
    before: float | None
    now: float | None


@dataclass(frozen=True)
class AnswerChange:
    """How one answer differs.

    :param title: the question in a few words.
    :param comparable: whether it had the same columns then; if not, nothing else is told.
    :param same: how many rows are as they were.
    :param changed: values of rows that were there already.
    :param new: rows, without their measures, that were not there; ``gone`` likewise those that are no more.
    """

    question_id: str
    title: str
    comparable: bool
    same: int = 0
    changed: tuple[ChangedValue, ...] = ()
    new: tuple[tuple[Any, ...], ...] = ()
    gone: tuple[tuple[Any, ...], ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything is to be told beside numbers."""
        return bool(self.changed or self.new or self.gone)


@dataclass(frozen=True)
class AnswerChanges:
    """How the answers differ from those of the last report.

    :param answered_at: when that one's answers were computed.
    :param run_id: by which run.
    :param tables: rows of the tables then, by layer and name.
    """

    answered_at: datetime
    run_id: str
    answers: tuple[AnswerChange, ...]
    tables: Mapping[str, Mapping[str, int]]


def answer_changes(last: Answered, answered: Answered) -> AnswerChanges:
    """Return how the answers differ.

    :param last: those of the last report.
    :param answered: the present ones.
    """
    return AnswerChanges(
        answered_at=last.finished_at,
        run_id=last.run_id,
        answers=tuple(
            _change(question.id, question.title, last.answers.get(question.id), answered.answers[question.id])
            for question in QUESTIONS
            if question.id in answered.answers
        ),
        tables=last.counts,
    )


def _change(question_id: str, title: str, before: Answer | None, now: Answer) -> AnswerChange:
    if before is None or (before.columns, before.types) != (now.columns, now.types):
        return AnswerChange(question_id, title, comparable=False)
    measures = [
        place
        for place, (column, type_name) in enumerate(zip(now.columns, now.types, strict=True))
        if type_name in _NUMBERS and not column.endswith("_year")
    ]
    then, today = _by_name(before, measures), _by_name(now, measures)
    both = [row for row in today if row in then]
    return AnswerChange(
        question_id,
        title,
        comparable=True,
        same=sum(then[row] == today[row] for row in both),
        changed=tuple(
            ChangedValue(row, now.columns[place], old, new)
            for row in both
            for place, old, new in zip(measures, then[row], today[row], strict=True)
            if old != new
        ),
        new=tuple(row for row in today if row not in then),
        gone=tuple(row for row in then if row not in today),
    )


def _by_name(answer: Answer, measures: list[int]) -> Mapping[tuple[Any, ...], list[Any]]:
    """Return the measures of each row by what names it."""
    return {
        tuple(value for place, value in enumerate(row) if place not in measures): [row[place] for place in measures]
        for row in answer.rows
    }
