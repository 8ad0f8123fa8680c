"""All checks of ``pinpipe doctor``: each looks, then judges; one that crashes is a finding, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pinpipe_airflow.preflight.result import Finding, not_checked

# What is looked at in one go, and by whom.
Look = Callable[[], Any]
Judge = Callable[[Any], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One topic.

    :param subject: what it is about, should it not come to a finding.
    :param look: gathers the facts.
    :param judges: what they mean; each is a function of the facts alone.
    """

    subject: str
    look: Look
    judges: Sequence[Judge]


def checks() -> list[Check]:
    """Return all checks, in the order in which people mend what is wrong; modules are imported as they are needed."""
    from pinpipe_cli.doctor import (
        installation,
        listening,
        look_checkout,
        look_machine,
        look_world,
        machine,
        running_world,
        state,
        variables,
    )

    supervised = cache(look_world.is_supervised)
    world = cache(look_world.world)
    return [
        Check("Python", look_machine.python, [machine.python]),
        Check("Java", look_machine.java, [machine.java]),
        Check("host name", look_machine.own_name, [machine.own_name]),
        Check("memory", lambda: look_machine.memory(_told(supervised)), [machine.memory, machine.cores]),
        Check("disk", look_machine.disks, [machine.disk]),
        Check("open files", look_machine.open_files, [machine.open_files]),
        Check("environments", look_checkout.environments, [installation.environments]),
        Check("jars", look_checkout.jars, [installation.jars]),
        Check("tools", look_checkout.other_tools, [installation.tools]),
        Check("variables", look_machine.variables, [variables.variables]),
        Check("ports", lambda: look_machine.listening(_told(supervised)), [listening.ports]),
        Check("state folder", look_checkout.access, [state.access]),
        Check("leftovers", lambda: look_checkout.leftovers(_told(supervised)), [state.leftovers]),
        Check("formats", look_checkout.formats, [state.formats]),
        Check("logs", look_checkout.logs, [state.logs]),
        Check("clock", look_machine.clock, [machine.clock]),
        Check("services", world, [running_world.services]),
        Check("DAGs", world, [running_world.dags]),
        Check("failed runs", world, [running_world.failed_runs]),
        Check("stream", world, [running_world.stream]),
        Check("cleaned days", world, [running_world.freshness]),
    ]


def run_checks(those: Sequence[Check], tell: Callable[[str], None] = lambda _: None) -> list[Finding]:
    """Run checks one after the other, and return what they have found, in their order.

    :param tell: is told the subject of each before it begins.
    """
    found: list[Finding] = []
    for check in those:
        tell(check.subject)
        try:
            facts = check.look()
        except Exception as error:
            found.append(_crashed(check.subject, error))
            continue
        for judge in check.judges:
            try:
                found += judge(facts)
            except Exception as error:
                found.append(_crashed(check.subject, error))
    return found


def _told(question: Callable[[], bool]) -> bool:
    """Return the answer, no where it cannot be had: the check that is about it says why."""
    try:
        return question()
    except Exception:
        return False


def _crashed(subject: str, error: Exception) -> Finding:
    way_out = "`make install` finishes the installation" if isinstance(error, ImportError) else "mend what it names"
    return not_checked(subject, f"the check itself failed: {type(error).__name__}: {error}", way_out)
