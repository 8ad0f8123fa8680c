"""The Databricks jobs as declared in ``databricks/*.yaml``, ready for ``api/2.2/jobs/create``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.rendering import render_yaml

JOBS = ("create_tables", "clean_batch", "run_questions")


def job_definition(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition of a job.

    It holds Databricks' own references (``{{job.parameters.day}}``), which Jinja would take for its own: an Airflow
    operator gets it as ``literal(job_definition(...))``.

    :param name: one of :data:`JOBS`.
    :param values: fills the marks, ``settings().marks``.
    :raises KeyError: when there is no such job, or for a mark that ``values`` does not hold.
    """
    if name not in JOBS:
        raise KeyError(f"no Databricks job {name!r} is declared: there are {', '.join(JOBS)}")
    definition: dict[str, Any] = render_yaml("databricks", f"{name}.yaml", values=values)
    return definition
