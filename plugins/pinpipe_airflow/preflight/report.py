"""What the checks have found, as people and tasks read it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pinpipe_airflow.preflight.result import Finding, Outcome

log = logging.getLogger(__name__)

_LEVELS = {Outcome.WRONG: logging.ERROR, Outcome.WARNING: logging.WARNING}


class PreflightError(RuntimeError):
    """Something is wrong; the message names all of it, each with its way out."""


def is_wrong(found: Sequence[Finding]) -> bool:
    """Return whether anything is wrong."""
    return any(finding.outcome is Outcome.WRONG for finding in found)


def lines(found: Sequence[Finding]) -> list[str]:
    """Return a line for each finding, further ones for why it matters and the way out, and a last one that counts."""
    width = max((len(finding.outcome) for finding in found), default=0)
    told = []
    for finding in found:
        told.append(f"{finding.outcome:<{width}}  {finding.subject}: {finding.found}")
        if finding.why:
            told.append(f"{'':<{width}}  {finding.why}")
        if finding.way_out:
            told.append(f"{'':<{width}}  -> {finding.way_out}")
    return [*told, counts(found)]


def counts(found: Sequence[Finding]) -> str:
    """Return how many findings there are of each outcome, from the worst to the best."""
    counted = [(outcome, sum(finding.outcome is outcome for finding in found)) for outcome in Outcome]
    return ", ".join(f"{count} {outcome}" for outcome, count in counted if count)


def refuse_wrong(found: Sequence[Finding]) -> list[dict[str, str]]:
    """Log the findings, and return them as plain texts.

    :raises PreflightError: when something is wrong, all of it at once. Another try may find it mended: what does not
        answer may only have been busy.
    """
    for finding in found:
        way_out = f" -> {finding.way_out}" if finding.way_out else ""
        level = _LEVELS.get(finding.outcome, logging.INFO)
        log.log(level, "%s: %s: %s%s", finding.outcome, finding.subject, finding.found, way_out)
    faults = [finding for finding in found if finding.outcome is Outcome.WRONG]
    if faults:
        told = "; ".join(
            f"({number}) {fault.subject}: {fault.found}. Way out: {fault.way_out}"
            for number, fault in enumerate(faults, 1)
        )
        raise PreflightError(f"{len(faults)} things are wrong, so nothing was made: {told}")
    return [finding.as_dict() for finding in found]
