"""An installation that is whole, and each way in which it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pinpipe_airflow.preflight.result import Outcome

from pinpipe_cli.doctor.installation import EnvironmentFacts, JarsFacts, ToolsFacts, environments, jars, tools

WHOLE = EnvironmentFacts(
    name=".venv",
    python=True,
    wanted={"rich": "14.0", "typer": "0.27"},
    installed={"rich": "14.0", "typer": "0.27", "pip": "25"},
    finished=True,
    unchanged=True,
)
JARS = JarsFacts("kafka", 92, unchanged=True, half=False)


def test_a_whole_installation_is_ok_whatever_else_is_in_it() -> None:
    found = [*environments([WHOLE]), *jars([JARS]), *tools(ToolsFacts(installing=False, archive=True))]
    assert {finding.outcome for finding in found} == {Outcome.OK}


@pytest.mark.parametrize(
    ("facts", "outcome", "found"),
    [
        (replace(WHOLE, python=False), Outcome.WRONG, "there is no Python in it"),
        (replace(WHOLE, installed={"typer": "0.27"}), Outcome.WRONG, "rich missing"),
        (replace(WHOLE, installed={"rich": "13.9", "typer": "0.27"}), Outcome.WARNING, "rich 13.9 (locked: 14.0)"),
        (replace(WHOLE, finished=False, unchanged=False), Outcome.WARNING, "has not noted its end"),
        (replace(WHOLE, unchanged=False), Outcome.WARNING, "its lock or pyproject.toml has changed"),
        (replace(WHOLE, wanted={f"p{n}": "1" for n in range(6)}), Outcome.WRONG, "p0, p1, p2, p3 and 2 more missing"),
    ],
)
def test_an_environment_that_differs_from_its_lock_is_told_with_the_command_that_mends_it(
    facts: EnvironmentFacts, outcome: Outcome, found: str
) -> None:
    (finding,) = environments([facts])
    assert (finding.outcome, found in finding.found, finding.way_out) == (outcome, True, "`make install`")


@pytest.mark.parametrize(
    ("facts", "outcome", "found"),
    [
        (replace(JARS, count=0), Outcome.WRONG, "there are none"),
        (replace(JARS, count=0, half=True), Outcome.WRONG, "there are none, only a half-fetched folder"),
        (replace(JARS, half=True), Outcome.WARNING, "a half-fetched folder lies beside them"),
        (replace(JARS, unchanged=False), Outcome.WARNING, "their pom has changed since they were fetched"),
    ],
)
def test_jars_that_are_missing_half_or_old_are_told(facts: JarsFacts, outcome: Outcome, found: str) -> None:
    (finding,) = jars([facts])
    assert (finding.outcome, finding.found) == (outcome, found)


def test_an_installation_at_work_and_a_missing_archive_are_warnings() -> None:
    found = list(tools(ToolsFacts(installing=True, archive=False)))
    assert [finding.outcome for finding in found] == [Outcome.WARNING, Outcome.WARNING]
