"""Writes ``docs/reference/dags.md`` from the DAGs as Airflow reads them: docs, schedule, params and tasks.

``python -m pinpipe_cli.dags_page`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from include.settings import PREFIX
from local.home import ROOT
from pinpipe_cli.generated_page import note, write_or_check
from pinpipe_cli.markdown import table

PAGE = ROOT / "docs" / "reference" / "dags.md"

# In the order of a pipeline's life; a further DAG comes after them.
_ORDER = (
    "provision",
    "emulate_batch",
    "emulate_stream",
    "clean_batch",
    "stream_supervisor",
    "analytics",
    "maintain",
    "teardown",
)
_AIRFLOW = {
    "AIRFLOW_HOME": str(ROOT / ".pinpipe-docs"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
}


def page(dags: dict[str, Any]) -> str:
    """Return the page's text.

    :param dags: the DAGs by their ids.
    """
    ordered = sorted(
        dags.values(), key=lambda dag: (_ORDER.index(dag.dag_id) if dag.dag_id in _ORDER else 99, dag.dag_id)
    )
    parts = [
        "# DAGs",
        note("dags", "a DAG there"),
        "As Airflow reads them with the settings of a laptop. With other settings `provision` and `teardown` have "
        "further tasks, for what they make on AWS: see [On AWS](../aws.md).",
        table(
            ("DAG", "schedule", "what it does"),
            ((f"[`{dag.dag_id}`](#{dag.dag_id})", _schedule(dag), dag.description or "") for dag in ordered),
        ),
    ]
    for dag in ordered:
        parts += _section(dag)
    return "\n\n".join(parts) + "\n"


def read_dags() -> dict[str, Any]:
    """Return the DAGs of the checkout by their ids.

    :raises ImportError: when a file cannot be read; holds Airflow's reasons.
    """
    for name, value in _AIRFLOW.items():
        os.environ.setdefault(name, value)  # before it is imported: then it reads its settings
    from airflow.dag_processing.dagbag import DagBag

    folder = ROOT / "dags"
    bag = DagBag(folder, bundle_path=folder, bundle_name="docs")
    if bag.import_errors:
        raise ImportError(f"DAG files that cannot be read: {bag.import_errors}")
    return dict(bag.dags)


def _section(dag: Any) -> Iterator[str]:
    yield f"## {dag.dag_id}"
    yield _below(dag.doc_md or "")
    yield "\n".join(
        f"- {what}: {value}"
        for what, value in (
            ("schedule", _schedule(dag)),
            ("runs at once", dag.max_active_runs),
            ("a run may take", _span(dag.dagrun_timeout)),
            ("tags", ", ".join(f"`{tag}`" for tag in sorted(map(str, dag.tags)))),
        )
    )
    if params := list(_params(dag)):
        yield f"### Params of {dag.dag_id}"
        yield table(("param", "type", "default", "allowed", "meaning"), params)
    yield f"### Tasks of {dag.dag_id}"
    yield table(("task", "operator", "what it does", "after"), _tasks(dag))


def _below(doc_md: str) -> str:
    """Return a DAG's own page with its headings below the section's."""
    return re.sub(r"^(#+ )", r"##\1", doc_md.strip(), flags=re.MULTILINE)


def _schedule(dag: Any) -> str:
    if dag.schedule is None:
        return "on demand"
    if isinstance(dag.schedule, list):
        return f"when {' and '.join(f'`{asset.name}`' for asset in dag.schedule)} is updated"
    return f"`{dag.timetable.expression}` UTC"


def _span(span: Any) -> str:
    if span is None:
        return "as long as it wants"
    hours, seconds = divmod(int(span.total_seconds()), 3600)
    return " ".join(filter(None, [f"{hours} h" if hours else "", f"{seconds // 60} min" if seconds else ""]))


def _params(dag: Any) -> Iterator[tuple[str, str, str, str, str]]:
    for name in sorted(dag.params):
        param = dag.params.get_param(name)
        schema = param.schema
        types = schema.get("type", "any")
        default = "" if param.value is None else f"`{param.value}`" if param.value != "" else "empty"
        yield (
            f"`{name}`",
            " or ".join(types) if isinstance(types, list) else str(types),
            default,
            _allowed(schema),
            str(param.description or ""),
        )


def _allowed(schema: dict[str, Any]) -> str:
    if choices := schema.get("enum"):
        return ", ".join(f"`{choice}`" for choice in choices)
    told = [
        text.format(schema[key])
        for key, text in (
            ("minimum", "at least {:,}"),
            ("exclusiveMinimum", "more than {:,}"),
            ("maximum", "at most {:,}"),
        )
        if key in schema
    ]
    return ", ".join([*told, *([f"a {schema['format']}"] if "format" in schema else [])]) or "any"


def _tasks(dag: Any) -> Iterator[tuple[str, str, str, str]]:
    for task in dag.topological_sort():
        function = getattr(task, "python_callable", None)
        doc = inspect.getdoc(function or type(task)) or ""
        before = ", ".join(f"`{name}`" for name in sorted(task.upstream_task_ids))
        kind = "`@task`" if function else f"`{task.task_type}`"
        yield f"`{task.task_id}`", kind, doc.split("\n\n")[0].replace("\n", " "), before


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` compare it with what is there; return the exit code."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]  # the page tells nobody's own settings
    return write_or_check(PAGE, page(read_dags()), arguments, said_by="the DAGs say")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
