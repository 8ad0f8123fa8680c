"""Dynamic value references, ``{{job.parameters.day}}`` and the like, in parameters of jobs and tasks.

Source: "What is a dynamic value reference?" in Databricks' documentation; those that a local run can answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from local.databricks.errors import invalid_parameter

OF_JOB = (
    "job.id",
    "job.name",
    "job.run_id",
    "job.repair_count",
    "job.start_time.iso_date",
    "job.start_time.iso_datetime",
    "job.trigger.type",
)
OF_TASK = ("task.name", "task.run_id", "task.execution_count")
PARAMETERS = "job.parameters."

_REFERENCE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


def check(texts: Iterable[str], known: Iterable[str], where: str) -> None:
    """Refuse texts with a reference that is not ``known``.

    :param where: the field that holds the texts, for the message.
    :raises ApiError: names the reference and what there is.
    """
    allowed = list(known)
    for text in texts:
        for name in _REFERENCE.findall(text):
            if name not in allowed:
                raise invalid_parameter(f"{where} refers to {{{{{name}}}}}, which is none of {', '.join(allowed)}")


def resolve(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with every reference replaced by its value.

    :raises KeyError: for a reference that ``values`` lacks; :func:`check` keeps such texts out.
    """
    return _REFERENCE.sub(lambda match: values[match.group(1)], text)
