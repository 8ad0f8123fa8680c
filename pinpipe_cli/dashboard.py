"""The questions as a Databricks AI/BI dashboard (``.lvdash.json``): tables and charts, by the job's queries.

``make docs`` writes ``exploration/questions.lvdash.json``. The form is that which Databricks exports and imports:
https://docs.databricks.com/aws/en/dashboards/automate/import-export.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from include import layout
from include.question_charts import CHARTS, Kind, Measure, QuestionChart
from include.questions import HOW_COUNTED, QUESTIONS, Question
from local.home import ROOT
from pinpipe_cli.generated_page import write_or_check

FILE = ROOT / "exploration" / "questions.lvdash.json"

_HALF, _WHOLE, _HEIGHT = 3, 6, 8  # of the dashboard's grid, which is six columns wide
_TEXT_HEIGHT = 2


def dashboard(catalog: str = "") -> str:
    """Return the dashboard.

    :param catalog: catalog of Unity Catalog that its queries name; empty: the one that the dashboard is given.
    """
    page: dict[str, Any] = {"name": "questions", "displayName": "Questions", "pageType": "PAGE_TYPE_CANVAS"}
    page["layout"] = [piece for place, asked in enumerate(QUESTIONS) for piece in _row(asked, place)]
    counted = "\n\n".join(f"**{name}**: {text}" for name, text in HOW_COUNTED)
    methods = {"name": "methods", "displayName": "How the numbers are taken", "pageType": "PAGE_TYPE_CANVAS"}
    text = _text("how-counted", counted)
    definition = {
        "datasets": [
            {
                "name": asked.table,
                "displayName": f"{asked.id}: {asked.title}",
                "queryLines": query(asked, catalog).splitlines(keepends=True),
            }
            for asked in QUESTIONS
        ],
        "pages": [page, {**methods, "layout": [_placed(text, 0, 0, _WHOLE, _HEIGHT)]}],
    }
    return json.dumps(definition, indent=1, ensure_ascii=False) + "\n"


def query(asked: Question, catalog: str = "") -> str:
    """Return a question's query as the dashboard has it: the job's own, in a catalog where one is named."""
    return asked.sql_over(f"`{catalog}`.{layout.SERVING}.") if catalog else asked.sql


def _row(asked: Question, place: int) -> list[dict[str, Any]]:
    top = place * (_TEXT_HEIGHT + _HEIGHT)
    head = _text(f"{asked.table}-text", f"## {asked.id}: {asked.title}\n\n{asked.text}")
    placed = [_placed(head, 0, top, _WHOLE, _TEXT_HEIGHT)]
    top += _TEXT_HEIGHT
    if declared := CHARTS.get(asked.id):
        placed.append(_placed(_chart(asked, declared), 0, top, _HALF, _HEIGHT))
        return [*placed, _placed(_table(asked), _HALF, top, _HALF, _HEIGHT)]
    return [*placed, _placed(_table(asked), 0, top, _WHOLE, _HEIGHT)]


def _chart(asked: Question, declared: QuestionChart) -> dict[str, Any]:
    along: dict[str, Any] = {"fieldName": declared.along, "scale": {"type": "categorical"}}
    values = _values(declared)
    bars = declared.kind is Kind.BARS
    if bars and declared.along not in ("post_year", "age_group"):  # these have an order of their own
        along["scale"]["sort"] = {"by": "x-reversed"}
    encodings = {"x": values, "y": along} if bars else {"x": along, "y": values}
    if split := _split(declared):
        encodings["color"] = {"fieldName": split, "scale": {"type": "categorical"}, "displayName": split}
    if aggregate := _aggregate(declared):
        (measure,) = declared.measures
        value = {"name": _drawn(declared, measure), "expression": f"{aggregate}(`{measure.column}`)"}
        fields = [_field(declared.along), value]
    else:
        fields = [_field(column) for column in declared.columns]
    spec: dict[str, Any] = {
        "version": 3,
        "widgetType": "bar" if bars else "line",
        "encodings": encodings,
        "frame": {"showTitle": False, "showDescription": True, "description": declared.caption},
    }
    if bars and split:
        spec["mark"] = {"layout": "group"}  # side by side; without it those that tie would be stacked to a sum
    return {
        "name": f"{asked.table}-chart",
        "queries": [_query(asked, fields, disaggregated=not aggregate)],
        "spec": spec,
    }


def _split(declared: QuestionChart) -> str | None:
    """Return the column that has a colour for each label or line; of several measures each has its own by itself."""
    if declared.kind is Kind.BARS:
        return declared.label if declared.label == "category" else None  # a poster each would be colours without end
    return declared.series


def _aggregate(declared: QuestionChart) -> str | None:
    """Return what makes one value of several rows of a bar; ``None`` where each row is drawn."""
    if declared.counted:
        return "COUNT"
    # Several that tie repeat their value, of which the dashboard would draw the sum.
    return "MAX" if declared.label and not _split(declared) else None


def _values(declared: QuestionChart) -> dict[str, Any]:
    scale = {"type": "quantitative"}
    if len(declared.measures) > 1:
        named = [{"fieldName": measure.column, "displayName": measure.unit} for measure in declared.measures]
        return {"fields": named, "scale": scale}
    (measure,) = declared.measures
    return {"fieldName": _drawn(declared, measure), "scale": scale, "displayName": measure.unit}


def _table(asked: Question) -> dict[str, Any]:
    columns = answer_columns(asked)
    return {
        "name": f"{asked.table}-table",
        "queries": [_query(asked, [_field(column) for column in columns], disaggregated=True)],
        "spec": {
            "version": 2,
            "widgetType": "table",
            "encodings": {"columns": [{"fieldName": column, "displayName": column} for column in columns]},
            "frame": {"showTitle": False},
        },
    }


def answer_columns(asked: Question) -> list[str]:
    """Return the columns of an answer: what the query's last ``SELECT``, on a line of its own, selects."""
    *_, selected = re.findall(r"^SELECT (?:DISTINCT )?(.+)$", asked.sql, re.MULTILINE)
    return [re.split(r"[\s.]+", column.strip())[-1] for column in re.sub(r"\([^()]*\)", "", selected).split(",")]


def _query(asked: Question, fields: Sequence[dict[str, str]], *, disaggregated: bool) -> dict[str, Any]:
    return {
        "name": "main_query",
        "query": {"datasetName": asked.table, "fields": list(fields), "disaggregated": disaggregated},
    }


def _field(column: str) -> dict[str, str]:
    return {"name": column, "expression": f"`{column}`"}


def _drawn(declared: QuestionChart, measure: Measure) -> str:
    aggregate = _aggregate(declared)
    return f"{aggregate.lower()}({measure.column})" if aggregate else measure.column


def _text(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "multilineTextboxSpec": {"lines": text.splitlines(keepends=True)}}


def _placed(widget: dict[str, Any], x: int, y: int, width: int, height: int) -> dict[str, Any]:
    return {"widget": widget, "position": {"x": x, "y": y, "width": width, "height": height}}


def main(arguments: Sequence[str] = ()) -> int:
    """Write the file, or with ``--check`` compare it; return the exit code."""
    return write_or_check(FILE, dashboard(), arguments, said_by="the questions give")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
