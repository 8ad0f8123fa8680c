"""Poison: bytes that could break a consumer, among good records, while that consumer is killed.

Each good record comes out once, each poisonous one in quarantine, and no consumer stands still.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from datetime import UTC, date, datetime
from itertools import chain

import pytest
from confluent_kafka import Producer

from bench.services import SinkProgress
from tests.e2e.bad_records import NOT_OBJECTS
from tests.e2e.cleaned_days import assert_cleaned
from tests.e2e.comparison import delta_table
from tests.e2e.kinesis_log import read_streams
from tests.e2e.oracle.cleaning import raw_text
from tests.e2e.posts import rows_of
from tests.faults.activities.activity import next_day, next_numbers
from tests.faults.moments import await_moment, raw_keys
from tests.faults.speed_judgement import of_speed_layer, rows_made_of
from tests.faults.victims import kill, wait_until_back
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.fault, pytest.mark.usefixtures("provisioned")]

GOOD = 400
TOPIC = "pinpipe.geo"
# Beside what is no object: objects that are large, deep, or full of what is special elsewhere.
OBJECTS = {
    "a megabyte in a field": {"country": "x" * 1_000_000},
    "ten thousand fields": {f"field {number}": number for number in range(10_000)},
    "fields of the sink's own names": {"_topic": {"a": 1}, "_offset": "x", "_timestamp": [], "_partition": None},
    "names that are paths, SQL and quotes": {"../../etc": 1, "a'; DROP TABLE geo --": 2, 'b"\\\n\u2028': 3, "": 4},
    "numbers out of every range": {"ind": 10**300, "latitude": -1e308, "longitude": 1e-320},
    "the last characters of Unicode": {"country": "\U0010ffff\ufffe\u0000\u202e"},
}


def poison() -> list[bytes | None]:
    """Return every kind, between good records."""
    return [*NOT_OBJECTS.values(), *(json.dumps(value).encode() for value in OBJECTS.values())]


@pytest.fixture(scope="module")
def day(world: World) -> str:
    """A day of good records with poison among them, the sink killed while it reads them."""
    day = next_day()
    moment = int(datetime.combine(day, datetime.min.time(), UTC).timestamp() * 1000)
    progress, s3 = SinkProgress(), world.aws("s3")
    producer = Producer({"bootstrap.servers": world.bootstrap, "message.max.bytes": 2_000_000})
    kinds = poison()
    for place, number in enumerate(next_numbers(GOOD)):
        producer.produce(TOPIC, json.dumps(rows_of(number)["geo"]), str(number), timestamp=moment)
        if place % 10 == 0 and kinds:
            producer.produce(TOPIC, kinds.pop(), b"\xff\x00", timestamp=moment, headers={"\u2603": b"\xff"})
    assert not kinds
    assert producer.flush(60) == 0
    await_moment(
        lambda: bool(raw_keys(s3, str(day))) or progress.landed() < progress.held(), lambda: False, within_s=60
    )
    wait_until_back(kill("sink"))
    progress.close()
    world.run("clean_batch", {"day": str(day)})
    return str(day)


def test_the_day_holds_each_good_record_and_quarantines_each_poisonous_one(world: World, day: str) -> None:
    assert_cleaned(world, [date.fromisoformat(day)])
    clean = delta_table("geo").to_pyarrow_table(filters=[("ingest_date", "=", date.fromisoformat(day))])
    assert clean.num_rows == GOOD
    bad = delta_table("quarantine").to_pyarrow_table(filters=[("ingest_date", "=", date.fromisoformat(day))])
    kinds = Counter(bad["data_set"].to_pylist())
    assert kinds["geo"] == len(OBJECTS)
    # A sink that is killed before it has committed sends what it could not read once more, to another address.
    assert kinds["dead_letter"] >= len(NOT_OBJECTS)
    rows = zip(bad["data_set"].to_pylist(), bad["raw"].to_pylist(), strict=True)
    dead = {raw for data_set, raw in rows if data_set == "dead_letter"}
    assert dead == {raw_text(value or b"") for value in NOT_OBJECTS.values()}


def test_the_consumers_go_on(world: World, day: str) -> None:
    again = next_day()
    (number,) = next_numbers(1)
    moment = int(datetime.combine(again, datetime.min.time(), UTC).timestamp() * 1000)
    producer = Producer({"bootstrap.servers": world.bootstrap})
    producer.produce(TOPIC, json.dumps(rows_of(number)["geo"]), str(number), timestamp=moment)
    assert producer.flush(30) == 0
    world.run("clean_batch", {"day": str(again)})
    assert_cleaned(world, [again])


@pytest.mark.usefixtures("stream")
def test_the_stream_quarantines_poison_and_goes_on(world: World) -> None:
    kinesis = world.aws("kinesis")
    kinds = [value or b"" for value in poison()]
    mark = f"poison \u2603 {uuid.uuid4()}"
    good = [json.dumps(rows_of(number)["geo"]).encode() for number in next_numbers(len(kinds))]
    for place, data in enumerate(chain.from_iterable(zip(good, kinds, strict=True))):
        kinesis.put_record(StreamName="pinpipe-geo", Data=data, PartitionKey=f"{mark}-{place}")
    records = [record for record in read_streams(world) if record.partition_key.startswith(mark)]
    assert len(records) == 2 * len(kinds)
    await_moment(lambda: sum(map(len, rows_made_of(records).values())) >= len(records), lambda: False, within_s=180)
    of_speed_layer(records, rows_made_of(records))
