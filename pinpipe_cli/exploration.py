"""Opens the Delta tables for exploration: one connection that has every view, or the SQL that makes them elsewhere.

``from pinpipe_cli.exploration import open_lake; lake = open_lake()``
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from include import layout
from include.question_charts import CHARTS
from include.questions import QUESTIONS, SERVING_VIEWS, question, view_sources, view_sql
from include.settings import settings
from local.home import ROOT
from pinpipe_cli import chosen_environment, reading

if TYPE_CHECKING:
    import duckdb
    from IPython.display import SVG

type Source = tuple[str, str]  # layer and name of a Delta table


def open_lake(root: str | None = None) -> duckdb.DuckDBPyConnection:
    """Return a duckdb connection with views of all Delta tables.

    They are ``serving.*``, ``batch.*``, ``speed.*`` and ``answers.*``, of the tables as they are now: open them anew to
    see what came since. Nothing is downloaded: duckdb's own extension for Delta, which would be, is not used. A table
    that its DAG has not made yet has no view.

    :param root: root of the Delta tables; default: the settings', of the environment that ``PINPIPE_ENV`` names.
    :raises pinpipe_cli.reading.TableMissingError: when the tables that the serving views need do not exist yet.
    """
    if root is None:
        chosen_environment.choose()
    lake = root or settings().lake_root
    return reading.connect(SERVING_VIEWS, present_tables(lake), lake=lake)


def present_tables(lake: str) -> dict[Source, list[str]]:
    """Return the columns of each Delta table that there is, by layer and name.

    :param lake: root of the Delta tables.
    :raises pinpipe_cli.reading.TableMissingError: when the tables that the serving views need do not exist yet.
    """
    needed = {source for view in SERVING_VIEWS for source in view_sources(view)}
    every = [
        *((layer, name) for layer in layout.LAYERS for name in layout.BATCH_TABLES),
        *((layout.ANSWERS, asked.table) for asked in QUESTIONS),
    ]
    present = {}
    for source in every:
        try:
            present[source] = reading.columns(*source, lake=lake)
        except reading.TableMissingError:
            if source in needed:
                raise
    return present


def answer(lake: duckdb.DuckDBPyConnection, question_id: str) -> duckdb.DuckDBPyRelation:
    """Return the answer to a question, by the very query that the job ``run_questions`` runs.

    :param lake: what :func:`open_lake` has returned.
    :param question_id: id of the question, in any case of letters.
    """
    return lake.sql(question(question_id).sql)


def chart(lake: duckdb.DuckDBPyConnection, question_id: str) -> SVG:
    """Return the answer's chart as the report has it, for a notebook to show.

    :param lake: what :func:`open_lake` has returned.
    :param question_id: id of the question, in any case of letters.
    :raises LookupError: when no chart of the question is declared, or its answer has no rows.
    """
    from IPython.display import SVG

    if (plugins := str(ROOT / "plugins")) not in sys.path:  # where Airflow finds them, and nothing else does
        sys.path.append(plugins)
    from pinpipe_airflow.report.drawing import alone
    from pinpipe_airflow.report.page import colours, draw_answers
    from pinpipe_airflow.report.receipts import Answer, Answered

    asked = question(question_id)
    if asked.id not in CHARTS:
        raise LookupError(f"no chart of {asked.id} is declared in include/question_charts.py: `answer` has its rows")
    relation = answer(lake, question_id)
    rows: list[list[Any]] = [list(row) for row in relation.fetchall()]
    told = Answer(columns=relation.columns, types=[str(kind).lower() for kind in relation.types], rows=rows)
    drawings = draw_answers(Answered(finished_at="2000-01-01T00:00:00Z", answers={asked.id: told}))
    if asked.id not in drawings:
        raise LookupError(f"{asked.id} has no rows: run the DAGs emulate_batch and clean_batch")
    return SVG(alone(drawings[asked.id].svg, colours()))


def views_sql(lake: str, present: Mapping[Source, Collection[str]]) -> str:
    """Return SQL that makes the views of :func:`open_lake` in duckdb by its extension for Delta, downloaded once.

    :param lake: root of the Delta tables.
    :param present: the tables there are, as :func:`present_tables` returns them.
    """
    statements = ["INSTALL delta", "LOAD delta", *_reaching_s3(lake), "SET TimeZone = 'UTC'"]
    schemas = (*dict.fromkeys(layer for layer, _ in present), layout.SERVING)
    statements += [f"CREATE SCHEMA IF NOT EXISTS {schema}" for schema in schemas]
    for (layer, name), columns in present.items():
        selected = ", ".join(["*", *reading.lacking(layer, name, columns)])
        path = layout.table_path(lake, layer, name).replace("'", "''")
        statements.append(f"CREATE OR REPLACE VIEW {layer}.{name} AS SELECT {selected} FROM delta_scan('{path}')")  # nosec B608 # noqa: S608
    statements += [f"CREATE OR REPLACE VIEW serving.{view} AS\n{view_sql(view).strip()}" for view in SERVING_VIEWS]
    return "".join(f"{statement};\n" for statement in statements)


def _reaching_s3(lake: str) -> Iterator[str]:
    """Yield how duckdb reaches S3, if the tables are there; credentials are AWS' own chain, so no secret is printed."""
    if not lake.startswith("s3"):
        return
    options = reading.storage_options()
    parts = ["TYPE s3", "PROVIDER credential_chain", f"REGION '{options['aws_region']}'"]
    if endpoint := options.get("aws_endpoint_url"):
        scheme, _, host = endpoint.partition("://")
        parts += [f"ENDPOINT '{host}'", "URL_STYLE 'path'", f"USE_SSL {str(scheme == 'https').lower()}"]
    yield "INSTALL aws"
    yield "LOAD aws"
    yield f"CREATE OR REPLACE SECRET pinpipe ({', '.join(parts)})"
