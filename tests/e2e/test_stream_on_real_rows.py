"""Real posts through the API and the streams into the speed layer, the job killed twice meanwhile.

Every row, clean or quarantined, is compared with an independent computation from what the streams hold.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.comparison import delta_table
from tests.e2e.conftest import World
from tests.e2e.kinesis_log import STREAMS, read_streams
from tests.e2e.oracle.cleaning import Row
from tests.e2e.oracle.malformed import Case, catalogue
from tests.e2e.oracle.stream import StreamRecord, speed_layer
from tests.e2e.supervised_stream import SupervisedStream

pytestmark = [pytest.mark.e2e, pytest.mark.long]

POSTS_PER_S = 50
HEARTBEAT = "receipts/clean_stream/latest.json"
TABLES = ("pin", "geo", "user", "quarantine")
NO_TEXTS = (b"\xff\xfe", b"", b"{", b"a word")

Wait = Callable[[Callable[[], bool], float], None]


@dataclass
class Streamed:
    """What the test did, and what the streams hold of it.

    :param accepted: records that the receipts of `emulate_stream` count, by stream.
    :param cases: the malformed records, by the address that the API or the stream answered.
    :param killed: the runs of the job that were killed.
    """

    begun_at: datetime
    accepted: Counter[str]
    cases: dict[tuple[str, str], Case]
    killed: list[str]
    records: list[StreamRecord]


@pytest.fixture(scope="module")
def streamed(world: World, provisioned: dict[str, Any], source_posts: int, wait_until: Wait) -> Iterator[Streamed]:
    """Post every post of the source twice or more often, kill the driver in one pass and its JVM in another."""
    stream = SupervisedStream(world)
    world.pinpipe("stream", "start")
    begun_at = datetime.now(UTC)
    accepted: Counter[str] = Counter()
    killed: list[str] = []

    def kill_twice() -> None:
        for process in ("driver", "jvm"):
            killed.append(_run_that_has_appended(world, killed, wait_until))
            os.kill(stream.processes()[process].pid, signal.SIGKILL)

    with ThreadPoolExecutor(1) as beside:
        killing = beside.submit(kill_twice)
        passes = 0
        while passes < 2 or not killing.done():
            conf = {"rate": POSTS_PER_S, "posts": source_posts, "selection": "sequential"}
            run_id = world.run("emulate_stream", conf)["emulate"]["run_id"]
            receipt = world.api.xcom("emulate_stream", run_id, "emulate")
            accepted.update({name: counts["accepted"] for name, counts in receipt["records"].items()})
            passes += 1
        killing.result()
    cases = _put_cases(world)
    records = [record for record in read_streams(world) if record.arrived_at >= begun_at]
    wait_until(lambda: sum(map(len, _found(begun_at).values())) >= len(records), 180)
    yield Streamed(begun_at, accepted, cases, killed, records)
    world.pinpipe("stream", "stop")


def test_the_streams_hold_every_record_that_the_api_accepted(streamed: Streamed) -> None:
    held = Counter(record.stream for record in streamed.records)
    put = Counter(f"pinpipe-{case.dataset}" for case in streamed.cases.values())
    assert held == streamed.accepted + put + Counter({STREAMS[0]: len(NO_TEXTS)})


def test_the_job_was_killed_twice_and_the_platform_began_it_anew(world: World, streamed: Streamed) -> None:
    assert len(set(streamed.killed)) == 2
    assert world.receipt(HEARTBEAT)["run_id"] not in streamed.killed
    committed = {
        json.loads(commit["userMetadata"])["run"]
        for name in TABLES
        for commit in delta_table(name, "speed").history()
        if commit.get("userMetadata")
    }
    assert committed >= {*streamed.killed, world.receipt(HEARTBEAT)["run_id"]}


@pytest.mark.parametrize("name", TABLES)
def test_every_row_equals_the_independent_computation(streamed: Streamed, name: str) -> None:
    layer = speed_layer(streamed.records)
    wanted = layer.quarantine if name == "quarantine" else layer.clean[name]
    found = _found(streamed.begun_at)[name]
    assert Counter(map(_address, found)) == Counter(map(_address, wanted))
    by_address = {_address(row): row for row in found}
    for row in wanted:
        assert by_address[_address(row)] == row


def test_each_malformed_record_ends_as_its_literal_says(streamed: Streamed) -> None:
    rows = _found(streamed.begun_at)
    clean = {_address(row)[::2]: row for name in ("pin", "geo", "user") for row in rows[name]}
    bad = {_address(row)[::2]: row for row in rows["quarantine"]}
    for address, case in streamed.cases.items():
        if case.clean is not None:
            assert {column: clean[address][column] for column in case.clean} == case.clean, case.name
        else:
            assert set(bad[address]["rules"]) == (case.rules if isinstance(case.value, dict) else {"unparsable"}), (
                case.name
            )


def _run_that_has_appended(world: World, but: list[str], wait_until: Wait) -> str:
    """Wait until a run that is none of ``but`` has appended rows, and return its id."""
    found: list[str] = []

    def has_appended() -> bool:
        beat = world.receipt(HEARTBEAT)
        found[:] = [beat["run_id"]]
        appended = sum(beat["rows"]["appended"].values())  # not all that is read after a kill is new to the tables
        return beat["run_id"] not in but and beat["state"] == "running" and appended > 0

    wait_until(has_appended, 400)
    return found[0]


def _put_cases(world: World) -> dict[tuple[str, str], Case]:
    """Put objects through the API, and what the API would refuse into the stream itself; return them by address."""
    cases = catalogue(datetime.now(UTC))
    found: dict[tuple[str, str], Case] = {}
    kinesis = world.aws("kinesis")
    for stream in STREAMS:
        of = [case for case in cases if case.dataset == stream.rpartition("-")[2]]
        objects = [case for case in of if isinstance(case.value, dict)]
        body = {"records": [{"data": case.value, "partition-key": f"{case.dataset}-{case.key}"} for case in objects]}
        answer = world.put(stream, "records", body)
        assert answer["FailedRecordCount"] == 0, answer
        numbers = [record["SequenceNumber"] for record in answer["Records"]]
        found |= {(stream, number): case for number, case in zip(numbers, objects, strict=True)}
        for case in of:
            if not isinstance(case.value, dict):
                put = kinesis.put_record(StreamName=stream, Data=json.dumps(case.value), PartitionKey=case.key)
                found[stream, put["SequenceNumber"]] = case
    for data in NO_TEXTS:
        kinesis.put_record(StreamName=STREAMS[0], Data=data, PartitionKey="no-text")
    return found


def _found(since: datetime) -> dict[str, list[Row]]:
    """Return the rows of the speed layer that arrived from ``since`` on, by table; broken rules by name."""
    filters = [("ingested_at", ">=", since)]
    found = {name: delta_table(name, "speed").to_pyarrow_table(filters=filters).to_pylist() for name in TABLES}
    for row in found["quarantine"]:
        row["rules"].sort()
    return found


def _address(row: Row) -> tuple[str, str, str]:
    return row["stream"], row["shard"], row["sequence_number"]
