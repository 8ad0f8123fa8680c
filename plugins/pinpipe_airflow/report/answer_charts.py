"""Answers as charts: Vega-Lite specifications, whose colours are variables of the page's style.

A chart is as wide as a phone, so that its text is as large as the page's there; elsewhere it may grow. What comes from
data is in the specification's values alone, never in a name or an expression.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from include.question_charts import AGE_GROUPS, CHARTS, Kind, QuestionChart
from pinpipe_airflow.report.display import attribute, number
from pinpipe_airflow.report.receipts import Answer

WIDTH = 350
_ROW = 38  # of a bar with its label above it
_LABEL_CHARACTERS = 60
_PANELS_IN_A_ROW = 3
_TOLD = 3  # values in a chart's description

_TEXT = {"font": "system-ui, sans-serif", "fontSize": 13}
_CONFIG = {
    "background": None,
    "padding": {"left": 1, "right": 1, "top": 4, "bottom": 4},
    "aria": False,  # the picture is described as a whole; each mark's own label would be noise beside a table
    "view": {"stroke": None},
    "text": {"color": "var(--text)", **_TEXT},
    "axis": {
        "labelColor": "var(--soft)",
        "labelFont": _TEXT["font"],
        "labelFontSize": 12,
        "gridColor": "var(--line)",
        "domainColor": "var(--soft)",
        "tickColor": "var(--soft)",
        "title": None,
    },
    "legend": {
        "labelColor": "var(--text)",
        "labelFont": _TEXT["font"],
        "labelFontSize": 13,
        "labelLimit": 150,
        "symbolSize": 70,
        "symbolStrokeWidth": 0,  # the line's dashes make no outline of so small a shape
        "title": None,
        "orient": "top",
        "direction": "horizontal",
        "columns": 2,
        "columnPadding": 20,
    },
    "header": {
        "labelColor": "var(--text)",
        "labelFont": _TEXT["font"],
        "labelFontSize": 12,
        "labelAnchor": "start",
        "labelLimit": 115,
        "labelPadding": 4,
        "title": None,
    },
}
_SHORT = "datum.value ? format(datum.value, '~s') : '0'"  # each by itself: a 0 among thousands is no 0k
_COLOURS = [f"var(--line-{number})" for number in range(1, 5)]
# So that lines can be told apart without colour, on paper and by those who do not see it.
_DASHES = [[1, 0], [7, 3], [2, 3], [9, 3, 2, 3]]
_SHAPES = ["circle", "square", "triangle-up", "diamond"]


@dataclass(frozen=True)
class AnswerChart:
    """A chart of an answer.

    :param specification: in Vega-Lite, https://vega.github.io/vega-lite/docs/spec.html.
    :param caption: what it shows.
    :param description: what those are told who cannot see it.
    """

    specification: dict[str, Any]
    caption: str
    description: str


@dataclass(frozen=True)
class _Point:
    """A value of a measure.

    :param along: where it is, as shown.
    :param series: its line.
    """

    along: Any
    value: float
    series: str = ""


def answer_chart(question_id: str, answer: Answer) -> AnswerChart | None:
    """Return the chart of an answer.

    It is ``None`` where none is declared of the question, and where the answer has no rows, or other columns than the
    question has now.

    :param question_id: id of the question.
    :param answer: its rows; those with a NULL in what is drawn are left out.
    """
    declared = CHARTS.get(question_id)
    if declared is None or not set(declared.columns) <= set(answer.columns):
        return None
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    rows = [row for row in rows if all(row[column] is not None for column in declared.columns)]
    if not declared.counted:
        rows = [row for row in rows if all(_is_number(row[measure.column]) for measure in declared.measures)]
    if declared.kind is not Kind.BARS:
        rows = [row for row in rows if _is_number(row[declared.along])]
    return _DRAWN_AS[declared.kind](declared, rows) if rows else None


def _bars(declared: QuestionChart, rows: Sequence[dict[str, Any]]) -> AnswerChart:
    (measure,) = declared.measures
    if declared.counted:
        counted = Counter(str(row[declared.along]) for row in rows)
        bars = [_Point(_text(along), count) for along, count in counted.items()]
    else:
        bars = [_Point(_bar_label(declared, row), row[measure.column]) for row in rows]
    if declared.along not in ("post_year", "age_group"):  # these have an order of their own
        bars.sort(key=lambda bar: (-bar.value, bar.along))
    elif declared.along == "age_group":
        bars.sort(key=lambda bar: _age_order(bar.along.split(" · ")[0]))
    shown = bars[: declared.most]
    longest = max((bar.value for bar in shown), default=0)
    values = [
        {"bar": place, "label": bar.along, "value": bar.value, "told": number(bar.value)}
        for place, bar in enumerate(shown)
    ]
    above = {"type": "text", "baseline": "bottom", "yOffset": -2}
    specification = {
        "config": _CONFIG,
        "width": WIDTH,
        "height": {"step": _ROW},
        "data": {"values": values},
        "encoding": {"y": {"field": "bar", "type": "ordinal", "axis": None, "scale": {"padding": 0}}},
        "layer": [
            {
                "mark": {"type": "bar", "height": 12, "yOffset": 8, "color": "var(--clean)"},
                "encoding": {
                    "x": {
                        "field": "value",
                        "type": "quantitative",
                        "axis": None,
                        "scale": {"domain": [0, longest or 1], "nice": False},
                    }
                },
            },
            {
                "mark": {**above, "align": "left", "limit": WIDTH - 95},
                "encoding": {"text": {"field": "label"}, "x": {"value": 0}},
            },
            {
                "mark": {**above, "align": "right", "color": "var(--soft)"},
                "encoding": {"text": {"field": "told"}, "x": {"value": WIDTH}},
            },
        ],
    }
    left = len(bars) - len(shown)
    caption = f"{declared.caption} Shown are {len(shown)} of {len(bars):,}." if left else declared.caption
    told = "; ".join(f"{bar.along}: {number(bar.value)} {measure.unit}" for bar in shown[:_TOLD])
    more = "; and so on" if len(bars) > _TOLD else ""
    return AnswerChart(specification, caption, f"Bars. {told}{more}. The table has all numbers.")


def _lines(declared: QuestionChart, rows: Sequence[dict[str, Any]]) -> AnswerChart:
    points = list(_points(declared, rows))
    names = _ordered({point.series for point in points}, _age_order)[: len(_SHAPES)]
    points = [point for point in points if point.series in names]
    scale: dict[str, Any] = {"domain": names}
    styled = len(names) > 1
    encoding: dict[str, Any] = {
        **_axes(points, WIDTH, logarithmic=declared.logarithmic),
        "detail": {"field": "series", "type": "nominal"},
    }
    if styled:
        encoding["color"] = {"field": "series", "type": "nominal", "scale": {**scale, "range": _COLOURS}}
    line: dict[str, Any] = {"mark": {"type": "line", "strokeWidth": 2.5}}
    dots: dict[str, Any] = {"mark": {"type": "point", "filled": True, "size": 70, "opacity": 1}}
    if styled:
        line["encoding"] = {"strokeDash": {"field": "series", "type": "nominal", "scale": {**scale, "range": _DASHES}}}
        dots["encoding"] = {"shape": {"field": "series", "type": "nominal", "scale": {**scale, "range": _SHAPES}}}
    else:
        line["mark"]["color"] = dots["mark"]["color"] = _COLOURS[0]
    specification = {
        "config": _CONFIG,
        "width": WIDTH,
        "height": 200,
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": [vars(point) for point in points]},
        "encoding": encoding,
        "layer": [line, dots],
    }
    logarithmic = encoding["y"]["scale"].get("type") == "log"  # not where a value is 0
    caption = f"{declared.caption} The scale is logarithmic." if logarithmic else declared.caption
    return AnswerChart(specification, caption, _course(points, "Lines" if styled else "A line"))


def _panels(declared: QuestionChart, rows: Sequence[dict[str, Any]]) -> AnswerChart:
    points = list(_points(declared, rows))
    fullest: dict[str, float] = defaultdict(float)
    for point in points:
        fullest[point.series] += point.value
    names = sorted(sorted(fullest, key=lambda name: (-fullest[name], name))[: declared.most])
    shown = [point for point in points if point.series in names]
    width = (WIDTH - 30) // _PANELS_IN_A_ROW - 14
    specification = {
        "config": _CONFIG,
        "data": {"values": [vars(point) for point in shown]},
        "facet": {"field": "series", "type": "nominal", "sort": names, "header": {}},
        "columns": _PANELS_IN_A_ROW,
        "resolve": {"axis": {"x": "independent"}},  # else columns that end above the last row have none
        "spacing": {"row": 6, "column": 20},
        "spec": {
            "width": width,
            "height": 62,
            "encoding": _axes(shown, width),
            "layer": [
                {"mark": {"type": "area", "color": _COLOURS[0], "opacity": 0.18}},
                {"mark": {"type": "line", "strokeWidth": 2, "color": _COLOURS[0]}},
                {"mark": {"type": "point", "filled": True, "size": 26, "opacity": 1, "color": _COLOURS[0]}},
            ],
        },
    }
    left = len(fullest) - len(names)
    caption = f"{declared.caption} Shown are {len(names)} of {len(fullest):,}." if left else declared.caption
    return AnswerChart(specification, caption, _course(shown, "A line for each"))


def _points(declared: QuestionChart, rows: Iterable[dict[str, Any]]) -> Iterable[_Point]:
    for row in rows:
        for measure in declared.measures:
            series = _text(row[declared.series]) if declared.series else measure.unit
            yield _Point(row[declared.along], row[measure.column], series)


def _axes(points: Sequence[_Point], width: int, *, logarithmic: bool = False) -> dict[str, Any]:
    """Return the axes: every year where there is room, else the first and the last; values from 0."""
    years = sorted({point.along for point in points})
    roomy = width > 45 * len(years)
    scale: dict[str, Any] = {"zero": True}
    steps: dict[str, Any] = {"tickMinStep": 1}
    if logarithmic and min(point.value for point in points) > 0:
        steps = {"values": _orders(point.value for point in points)}
        scale = {"type": "log", "domain": [steps["values"][0], steps["values"][-1]], "nice": False}
    ends = [years[0], years[-1]] if len(years) > 1 else [years[0] - 1, years[0] + 1]
    return {
        "x": {
            "field": "along",
            "type": "quantitative",
            "axis": {
                "values": years if roomy else sorted({years[0], years[-1]}),
                "labelExpr": "format(datum.value, 'd')",
                "grid": False,
                "labelFlush": not roomy,
            },
            "scale": {"domain": ends, "nice": False, "zero": False, **({"padding": 16} if roomy else {})},
        },
        "y": {
            "field": "value",
            "type": "quantitative",
            "axis": {"labelExpr": _SHORT, "tickCount": 4 if roomy else 2, "domain": False, "ticks": False, **steps},
            "scale": scale,
        },
    }


def _orders(values: Iterable[float]) -> list[float]:
    """Return the marks of a logarithmic axis that holds all values: powers of ten, and their triples where few."""
    found = sorted(values)
    powers = range(math.floor(math.log10(found[0])), math.ceil(math.log10(found[-1])) + 1)
    factors = (1, 3) if len(powers) <= 4 else (1,)
    marks = [factor * 10.0**power for power in powers for factor in factors]
    below = max((mark for mark in marks if mark <= found[0]), default=marks[0])
    above = min((mark for mark in marks if mark >= found[-1]), default=marks[-1])
    return [mark for mark in marks if below <= mark <= max(above, 10 * below)]


def _course(points: Sequence[_Point], kind: str) -> str:
    years = sorted({point.along for point in points})
    highest = max(points, key=lambda point: point.value)
    of = f" of {highest.series}" if highest.series else ""
    return (
        f"{kind} from {years[0]} to {years[-1]}. The highest value, {number(highest.value)}{of}, is at "
        f"{highest.along}. The table has all numbers."
    )


def _bar_label(declared: QuestionChart, row: dict[str, Any]) -> str:
    named = _text(row[declared.along])
    return f"{named} · {_text(row[declared.label])}" if declared.label else named


def _text(value: Any) -> str:
    text = attribute(str(value))
    return text if len(text) <= _LABEL_CHARACTERS else f"{text[:_LABEL_CHARACTERS]}…"


def _ordered(names: Iterable[str], order: Callable[[str], Any]) -> list[str]:
    return sorted(sorted(names), key=order)


def _age_order(group: str) -> int:
    return AGE_GROUPS.index(group) if group in AGE_GROUPS else len(AGE_GROUPS)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_DRAWN_AS = {Kind.BARS: _bars, Kind.LINES: _lines, Kind.PANELS: _panels}
