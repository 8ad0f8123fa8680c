"""A `day` to come, or that is none: refused by the command line, the REST API and the task, each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from pinpipe_cli.airflow_api import AirflowApiError
from tests.e2e.conftest import World

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]

DAGS = {"clean_batch": ("resolve_day", "is in the future"), "emulate_batch": ("emulate", "is to come")}


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_day_to_come_fails_the_run_at_its_first_try_with_the_reason(
    world: World, dag_id: str, wait_until: Callable[[Callable[[], bool], float], None]
) -> None:
    tomorrow = str(datetime.now(UTC).date() + timedelta(days=1))
    run_id = world.api.trigger(dag_id, {"day": tomorrow})
    wait_until(lambda: world.api.run(dag_id, run_id)["state"] in ("success", "failed"), 90)

    task_id, reason = DAGS[dag_id]
    task = world.tasks(dag_id, run_id)[task_id]
    assert world.api.run(dag_id, run_id)["state"] == "failed"
    assert (task["state"], task["try_number"]) == ("failed", 1)
    log = [line for line in world.api.log(dag_id, run_id, task) if tomorrow in line and reason in line]
    assert log, "the log does not tell the day and why it is refused"
    assert log[-1].startswith(("AirflowFailException", "ValueError", "RefusedArgumentError"))


@pytest.mark.parametrize("dag_id", DAGS)
@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "20260131", "", 20260131])
def test_what_is_no_day_is_refused_by_the_rest_api_and_starts_nothing(
    world: World, dag_id: str, day: str | int
) -> None:
    before = len(world.api.runs(dag_id))

    with pytest.raises(AirflowApiError, match=rf"answered 400 .*Invalid input for param day: '?{day}"):
        world.api.trigger(dag_id, {"day": day})

    assert len(world.api.runs(dag_id)) == before


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30"])
def test_what_is_no_day_is_refused_by_the_command_line(world: World, day: str) -> None:
    refused = world.pinpipe("run", "clean_batch", "--day", day, check=False)

    assert refused.returncode == 2
    assert f"'{day}' does not match the formats" in refused.stderr
