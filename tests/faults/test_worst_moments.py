"""Each component is killed once, at the moment at which most could go wrong; compared row by row.

The whole matrix of components and activities is in :mod:`tests.faults.test_matrix`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.activities.cleaning import Cleaning, Committing
from tests.faults.activities.posting import Posting
from tests.faults.activities.sinking import Sinking
from tests.faults.activities.streaming import Streaming
from tests.faults.ledger import raw_contents
from tests.faults.matrix import PAIRS, WORST
from tests.faults.source import FaultSource
from tests.faults.suffering import end_well, kill_in_the_midst, suffer
from tests.faults.victims import wait_until_back
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]


@pytest.mark.parametrize("victim", ["broker", "kafka_rest", "gateway"])
def test_posting_loses_nothing(world: World, source: FaultSource, victim: str) -> None:
    suffer(world, Posting(world, source), [victim], PAIRS[victim, WORST[victim]])


def test_a_sink_that_has_stored_and_not_committed_loses_and_doubles_nothing(world: World) -> None:
    suffer(world, Sinking(world), ["sink"], PAIRS["sink", WORST["sink"]])


def test_cleaning_outlives_triggerer_scheduler_and_postgresql(world: World) -> None:
    victims = ["triggerer", "scheduler", "postgres"]
    suffer(world, Cleaning(world), victims, PAIRS["postgres", WORST["postgres"]])


@pytest.fixture(scope="module")
def cleaning_without_worker(world: World, provisioned: dict[str, Any]) -> Iterator[Cleaning]:
    """A run whose worker is killed after it has asked for the job, and before it has deferred.

    It takes a minute until that is noticed: another test goes on meanwhile.
    """
    cleaning = Cleaning(world)
    cleaning.begin()
    kill_in_the_midst(cleaning, "worker")
    yield cleaning


@pytest.mark.usefixtures("cleaning_without_worker")
def test_a_day_that_was_half_committed_when_the_driver_died_is_of_one_run_in_the_end(world: World) -> None:
    suffer(world, Committing(world, anew=False), ["driver"], PAIRS["driver", WORST["driver"]])


def test_a_job_that_was_submitted_by_a_worker_that_died_is_asked_for_again(
    world: World, cleaning_without_worker: Cleaning
) -> None:
    end_well(world, cleaning_without_worker, PAIRS["worker", WORST["worker"]])
    cleaning_without_worker.judge()


def test_cleaning_outlives_databricks(world: World) -> None:
    suffer(world, Cleaning(world), ["databricks"], PAIRS["databricks", WORST["databricks"]])


def test_the_contents_of_s3_survive_ministack(world: World) -> None:
    sinking = Sinking(world)
    sinking.begin()
    before = raw_contents(world)
    killed = kill_in_the_midst(sinking, "ministack")
    wait_until_back(killed)
    after = raw_contents(world)
    assert {key: after.get(key) for key in before} == before
    end_well(world, sinking, PAIRS["ministack", WORST["ministack"]])
    sinking.judge()


@pytest.mark.usefixtures("source", "stream")
def test_a_micro_batch_that_was_half_appended_when_the_jvm_died_is_appended_once(world: World) -> None:
    suffer(world, Streaming(world), ["jvm"], PAIRS["jvm", WORST["jvm"]])
