"""The report as one HTML page that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from include.outcomes import OUTCOMES, QUARANTINED
from include.questions import HOW_COUNTED, QUESTIONS
from pinpipe_airflow.late_days import LateDay
from pinpipe_airflow.report import display
from pinpipe_airflow.report.answer_changes import AnswerChanges
from pinpipe_airflow.report.answer_charts import answer_chart
from pinpipe_airflow.report.answer_files import ALL_ANSWERS, FORMS, file_name
from pinpipe_airflow.report.differences import differences
from pinpipe_airflow.report.drawing import drawn
from pinpipe_airflow.report.expectations import DAYS_SHOWN as EXPECTATION_DAYS
from pinpipe_airflow.report.expectations import shown_expectations
from pinpipe_airflow.report.freshness import freshness, moment_text, not_over
from pinpipe_airflow.report.late import late_facts
from pinpipe_airflow.report.quarantine import broken_rules
from pinpipe_airflow.report.receipts import READ, Answered, CleanedDay, Problem, StreamBeat
from pinpipe_airflow.report.stream import stream_facts, stream_rules
from pinpipe_airflow.report.volumes import DAYS_SHOWN, HEIGHT, SLOT, charts, data_sets
from pinpipe_airflow.report.warning_texts import warning_kinds

COUNTS = (READ, *OUTCOMES)
ROWS_SHOWN = 15  # a longer answer scrolls on a screen, and stands in columns on paper
NEWS_SHOWN = 20
CHANGES_SHOWN = 20  # rows of one answer

_NUMBERS = ("int", "bigint", "double")


@dataclass(frozen=True)
class Drawing:
    """A chart as it stands in the page, and what it shows."""

    svg: Markup
    caption: str


def draw_answers(answered: Answered) -> dict[str, Drawing]:
    """Return the charts of the answers that have one, by question.

    :param answered: receipt of ``run_questions``.
    """
    drawings = {}
    for question in QUESTIONS:
        answer = answered.answers.get(question.id)
        chart = answer_chart(question.id, answer) if answer else None
        if chart:
            svg = drawn(chart.specification, name=question.id, title=question.title, description=chart.description)
            drawings[question.id] = Drawing(svg, chart.caption)
    return drawings


def render_report(
    pipeline_id: str,
    answered: Answered,
    days: Sequence[CleanedDay],
    *,
    made_at: datetime,
    problems: Sequence[Problem] = (),
    beat: StreamBeat | Problem | None = None,
    settle: timedelta = timedelta(),
    silent_after: timedelta = timedelta(minutes=5),
    late: Sequence[LateDay] | None = None,
    late_window_days: int = 0,
    drawings: Mapping[str, Drawing] | None = None,
    changes: AnswerChanges | None = None,
    files: str = "",
) -> str:
    """Return the report as HTML.

    :param pipeline_id: named in the title.
    :param answered: receipt of ``run_questions``.
    :param days: receipts of ``clean_batch``, in any order.
    :param made_at: the report's own time, to which ages are told.
    :param problems: receipts that are not taken.
    :param beat: the stream's newest heartbeat, if it has ever run.
    :param settle: how long after midnight UTC the scheduled cleaning of the day before begins.
    :param silent_after: a run of the stream whose heartbeat is older does not work.
    :param late: days with raw objects that no cleaning has read, oldest first; ``None`` where nobody has looked.
    :param late_window_days: how many days back a scheduled run looks for such.
    :param drawings: charts of the answers, as :func:`draw_answers` returns them; by default they are drawn here.
    :param changes: how the answers differ from those of the last report; ``None`` where there is none.
    :param files: where the answers' files are, relative to the page, such as ``20261121T001500.000000Z/``.
    """
    newest_first = sorted(days, key=lambda receipt: receipt.day, reverse=True)
    unmet, met = shown_expectations(newest_first)
    style = _style()
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            pipeline_id=pipeline_id,
            made_at=f"{made_at.astimezone(UTC):%Y-%m-%d %H:%M}",
            style=style,
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            facts=[
                *freshness(answered, newest_first, problems, made_at=made_at, settle=settle),
                *([] if late is None else late_facts(late, made_at=made_at, window_days=late_window_days)),
            ],
            charts=charts(newest_first),
            chart_height=HEIGHT,
            slot=SLOT,
            counts=COUNTS,
            read=READ,
            quarantined=QUARANTINED,
            outcomes=OUTCOMES,
            totals=_totals(newest_first),
            days=newest_first[:DAYS_SHOWN],
            older_days=newest_first[DAYS_SHOWN:],
            differences=differences(newest_first),
            news_shown=NEWS_SHOWN,
            newest_not_over=bool(newest_first) and not_over(newest_first[0]),
            stream_facts=stream_facts(beat, made_at=made_at, silent_after=silent_after),
            stream_rows=beat.rows if isinstance(beat, StreamBeat) else None,
            stream_rules=stream_rules(beat),
            broken_rules=broken_rules(newest_first, answered.quarantine_samples),
            unmet_expectations=unmet,
            met_expectations=met,
            expectation_days=EXPECTATION_DAYS,
            warnings=warning_kinds(newest_first),
            answered=answered,
            questions=[(question, answered.answers.get(question.id)) for question in QUESTIONS],
            drawings=draw_answers(answered) if drawings is None else drawings,
            changes=changes,
            changes_shown=CHANGES_SHOWN,
            how_counted=HOW_COUNTED,
            files=files,
            forms=FORMS,
            file_name=file_name,
            all_answers=ALL_ANSWERS,
            numbers=_NUMBERS,
            rows_shown=ROWS_SHOWN,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pinpipe_airflow.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for shown_by in (
        display.attribute,
        display.breakable,
        display.change,
        display.excerpt,
        display.measure,
        display.raw_line,
        display.share,
        display.shown,
        display.visible,
    ):
        environment.filters[shown_by.__name__] = shown_by
    environment.filters["moment"] = moment_text
    return environment


@cache
def colours() -> Markup:
    """Return the colours of page and charts, for light and dark screens and for paper, as CSS."""
    return _css("colours.css")


@cache
def _style() -> Markup:
    return colours() + _css("page.css")


def _css(name: str) -> Markup:
    # It goes into the page as it is, and its hash into the page's policy: no other style is taken.
    loader = PackageLoader("pinpipe_airflow.report")
    return Markup(loader.get_source(_environment(), name)[0])  # nosec B704 # noqa: S704


def _totals(days: Sequence[CleanedDay]) -> dict[str, Counter[str]]:
    return {
        data_set: Counter({count: sum(day.rows(data_set, count) for day in days) for count in COUNTS})
        for data_set in data_sets(days)
    }
