"""The Databricks jobs as declared in ``databricks/*.yaml``, ready for ``api/2.2/jobs/create``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from include.rendering import render_yaml

JOBS = ("create_tables", "clean_batch", "run_questions")
STREAM_JOB = "clean_stream"  # made, paused and made anew by who supervises the stream

_VERSION = "version"
_DIGITS = 16


def job_definition(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition of a job; that of :data:`STREAM_JOB` holds its version as default of a parameter.

    It holds Databricks' own references (``{{job.parameters.day}}``), which Jinja would take for its own: an Airflow
    operator gets it as ``literal(job_definition(...))``.

    :param name: one of :data:`JOBS`, or :data:`STREAM_JOB`.
    :param values: fills the marks, ``settings().marks``.
    :raises KeyError: when there is no such job, or for a mark that ``values`` does not hold.
    """
    if name not in (*JOBS, STREAM_JOB):
        raise KeyError(f"no Databricks job {name!r} is declared: there are {', '.join((*JOBS, STREAM_JOB))}")
    definition: dict[str, Any] = render_yaml("databricks", f"{name}.yaml", values=values)
    _add_optional(definition, values)
    if name == STREAM_JOB:
        version = definition_version(definition)
        for parameter in definition["parameters"]:
            if parameter["name"] == _VERSION:
                parameter["default"] = version
    return definition


def _add_optional(definition: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Add what a workspace may ask for: a compute policy, and who the job runs as."""
    if policy_id := values.get("databricks_policy_id"):
        for cluster in definition["job_clusters"]:
            cluster["new_cluster"]["policy_id"] = policy_id
    if application_id := values.get("databricks_run_as"):
        definition["run_as"] = {"service_principal_name": application_id}


def definition_version(definition: Mapping[str, Any]) -> str:
    """Return what changes with anything that a job is declared to do: 16 hex digits.

    Whether the job is paused is left out, and the version that the definition itself holds.
    """
    continuous = {name: value for name, value in definition.get("continuous", {}).items() if name != "pause_status"}
    parameters = [parameter for parameter in definition.get("parameters", []) if parameter["name"] != _VERSION]
    counted = {**definition, "continuous": continuous, "parameters": parameters}
    text = json.dumps(counted, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
