"""What ``provision`` would do, as people read it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

log = logging.getLogger(__name__)

_VERBS = ("create", "change")
_STAYS = "stays"
# What a plan does not run, and so cannot compare.
_NOT_PLANNED = {
    "tables": "the job create_tables compares by itself: it makes the Delta tables that are missing",
}
_WAY_ON = "Nothing was changed; a run with mode 'apply' does it."


def report_plan(resources: Mapping[str, Mapping[str, Any]]) -> str:
    """Log the table of :func:`plan_table` and return it."""
    table = plan_table(resources)
    for line in table.splitlines():
        log.info("%s", line)
    return table


def plan_table(resources: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table of what would be created, would be changed, and stays, and a line that counts them.

    :param resources: what each task returned in a plan, with ``planned``, by the resource's name.
    :raises KeyError: names resources that have returned no plan.
    """
    unplanned = sorted(name for name, resource in resources.items() if "planned" not in resource)
    if unplanned:
        raise KeyError(f"no plan was returned by {', '.join(unplanned)}: see the logs of these tasks")
    rows = [row for name, resource in resources.items() for row in _rows(name, resource["planned"])]
    counts = {would: sum(row[1] == would for row in rows) for would in dict.fromkeys(row[1] for row in rows)}
    rows += [(name, "not planned", why) for name, why in _NOT_PLANNED.items()]
    names, woulds = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{name:<{names}}  {would:<{woulds}}  {what}".rstrip() for name, would, what in rows]
    return "\n".join([*lines, "", f"{', '.join(f'{count} {would}' for would, count in counts.items())}. {_WAY_ON}"])


def _rows(name: str, planned: list[str]) -> Iterator[tuple[str, str, str]]:
    if not planned:
        yield name, _STAYS, ""
    for action in planned:
        verb, _, what = action.partition(" ")
        yield (name, f"would {verb}", what) if verb in _VERBS else (name, "would do", action)
