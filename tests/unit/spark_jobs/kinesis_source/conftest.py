"""A stream in a Kinesis of its own, and queries that read it."""

from collections.abc import Callable

import pytest

from spark_jobs.kinesis_source.initial_position import InitialPosition
from spark_jobs.kinesis_source.options import Options, Stream
from tests.unit.spark_jobs.kinesis_source.kinesis_fixture import FakeClock, FakeKinesis
from tests.unit.spark_jobs.kinesis_source.micro_batches import Checkpoint, Query


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def kinesis(clock) -> FakeKinesis:
    """Holds the stream ``s`` of one shard."""
    kinesis = FakeKinesis(clock)
    kinesis.create_stream("s")
    return kinesis


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint()


@pytest.fixture
def query(kinesis, checkpoint) -> Callable[..., Query]:
    """Starts a process of the query on the stream ``s``, from its oldest record unless told otherwise."""

    def start(client=kinesis, **options) -> Query:
        given = {"streams": (Stream("s"),), "initial_position": InitialPosition(), **options}
        return Query(client, Options(**given), checkpoint)

    return start
