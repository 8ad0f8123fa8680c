"""Each component is killed once, at the moment at which most could go wrong; compared row by row.

The whole matrix of components and activities is in :mod:`tests.faults.test_matrix`. Here several share a run where they
can, and what takes its time goes on beside the next test: all of it is part of `make test`. The order counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.faults.activities.activity import begun
from tests.faults.activities.cleaning import Cleaning, Committing
from tests.faults.activities.posting import Posting
from tests.faults.activities.sinking import Sinking
from tests.faults.activities.streaming import Streaming
from tests.faults.ledger import raw_contents
from tests.faults.matrix import PAIRS, WORST
from tests.faults.moments import uncommitted
from tests.faults.source import FaultSource
from tests.faults.suffering import end_well, kill_in_the_midst, suffer
from tests.faults.victims import wait_until_back
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]

STREAMED_POSTS = 300


def test_what_the_sink_had_stored_and_not_committed_is_there_once_and_s3_loses_nothing(world: World) -> None:
    sinking = Sinking(world)
    with begun(sinking):
        wait_until_back(kill_in_the_midst(sinking, "sink"))
        committed = sinking.committed()
        before = raw_contents(world)
        final = before.keys() - uncommitted(before, committed)  # others may be stored anew, with more in them
        wait_until_back(kill_in_the_midst(sinking, "ministack"))
        after = raw_contents(world)
        assert {key: after.get(key) for key in final} == {key: before[key] for key in final}
        end_well(world, sinking, PAIRS["ministack", WORST["ministack"]])
        sinking.judge()


def test_cleaning_outlives_triggerer_scheduler_postgresql_and_databricks(world: World) -> None:
    victims = ["triggerer", "scheduler", "postgres", "databricks"]
    suffer(world, Cleaning(world), victims, PAIRS["databricks", WORST["databricks"]])


@pytest.fixture(scope="module")
def cleaning_without_worker(world: World, provisioned: dict[str, Any]) -> Iterator[Cleaning]:
    """A run whose worker is killed after it has asked for the job, and before it has deferred.

    It takes a minute until that is noticed: other tests go on meanwhile.
    """
    cleaning = Cleaning(world)
    with begun(cleaning):
        kill_in_the_midst(cleaning, "worker")
        yield cleaning


@pytest.fixture(scope="module")
def stream_soon(world: World, provisioned: dict[str, Any]) -> Iterator[Future[Any]]:
    """The stream, which begins beside the tests that need it not; the result is there when it is at work."""
    with ThreadPoolExecutor(1, "stream") as beside:
        started = beside.submit(world.pinpipe, "stream", "start")
        yield started
    world.pinpipe("stream", "stop")


@pytest.mark.usefixtures("cleaning_without_worker")
def test_posting_loses_nothing_without_proxy_gateway_and_broker(world: World, source: FaultSource) -> None:
    suffer(world, Posting(world, source), ["kafka_rest", "gateway", "broker"], PAIRS["broker", WORST["broker"]])


@pytest.mark.usefixtures("cleaning_without_worker", "stream_soon")
def test_a_day_that_was_half_committed_when_the_driver_died_is_of_one_run_in_the_end(world: World) -> None:
    suffer(world, Committing(world, anew=False), ["driver"], PAIRS["driver", WORST["driver"]])


def test_a_job_that_was_submitted_by_a_worker_that_died_is_asked_for_again(
    world: World, cleaning_without_worker: Cleaning
) -> None:
    end_well(world, cleaning_without_worker, PAIRS["worker", WORST["worker"]])
    cleaning_without_worker.judge()


@pytest.mark.usefixtures("source")
def test_a_micro_batch_that_was_half_appended_when_the_jvm_died_is_appended_once(
    world: World, stream_soon: Future[Any]
) -> None:
    stream_soon.result()
    suffer(world, Streaming(world, STREAMED_POSTS), ["jvm"], PAIRS["jvm", WORST["jvm"]])
