"""Bad records from their topic to the quarantine table and the receipt: none is lost, and no good one beside them."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from confluent_kafka import Message, Producer

from include.schema import DATASETS
from tests.e2e.bad_records import NOT_OBJECTS, BadRow, bad_rows, foreign_objects
from tests.e2e.comparison import rows_of_day
from tests.e2e.conftest import World
from tests.e2e.kafka_log import end_offsets, messages_since, read_log
from tests.e2e.oracle import cleaning

pytestmark = pytest.mark.e2e

DAY = date(2023, 5, 17)  # of no other test
NOON_MS = int(datetime(2023, 5, 17, 12, tzinfo=UTC).timestamp() * 1000)
BUCKET = "pinpipe-local"
TOPIC, DEAD_LETTERS = "pinpipe.geo", "pinpipe.dead_letter"
ROWS = bad_rows()
FOREIGN = foreign_objects(TOPIC, str(DAY))

Address = tuple[str, int, int]
Row = dict[str, Any]


@dataclass(frozen=True)
class Cleaned:
    """The day after all bad records had been written to it and it was cleaned.

    :param addresses: where each case was written, by its name.
    :param dead: the dead letter of each address.
    """

    addresses: dict[str, Address]
    dead: dict[Address, Message]
    receipt: dict[str, Any]
    clean: dict[Address, Row]
    quarantined: list[Row]

    def quarantined_at(self, address: Address) -> Row:
        (row,) = [row for row in self.quarantined if _address(row) == address]
        return row


@pytest.fixture(scope="module")
def cleaned(world: World, provisioned: dict[str, Any]) -> Cleaned:
    before = end_offsets(world.bootstrap)
    addresses = _write(world)
    for key, (body, _, _) in FOREIGN.items():
        world.aws("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    world.run("clean_batch", {"day": str(DAY)})
    dead = [message for message in messages_since(world.bootstrap, before) if message.topic() == DEAD_LETTERS]
    assert len({_origin(message) for message in dead}) == len(dead), "a bad record became two dead letters"
    return Cleaned(
        addresses=addresses,
        dead={_origin(message): message for message in dead},
        receipt=world.receipt(f"receipts/clean_batch/dt={DAY}/latest.json"),
        clean={_address(row): row for name in DATASETS for row in rows_of_day(name, DAY)},
        quarantined=rows_of_day("quarantine", DAY),
    )


def _write(world: World) -> dict[str, Address]:
    """Write every case to a topic as of the day; return where each lies."""
    addresses: dict[str, Address] = {}
    producer = Producer({"bootstrap.servers": world.bootstrap})

    def write(name: str, topic: str, value: bytes | None) -> None:
        def delivered(error: Any, message: Message) -> None:
            assert error is None, error
            addresses[name] = (message.topic(), message.partition(), message.offset())

        producer.produce(topic, value, name, timestamp=NOON_MS, on_delivery=delivered)

    for number, (name, value) in enumerate(NOT_OBJECTS.items()):
        write(name, f"pinpipe.{DATASETS[number % 3]}", value)
    for row in ROWS:
        write(row.name, f"pinpipe.{row.data_set}", row.value)
    assert producer.flush(30) == 0
    assert len(addresses) == len(NOT_OBJECTS) + len(ROWS)
    return addresses


def test_what_is_no_json_object_becomes_one_dead_letter_and_lands_as_the_bytes_it_was(
    world: World, cleaned: Cleaned
) -> None:
    assert cleaned.dead.keys() == {cleaned.addresses[name] for name in NOT_OBJECTS}
    landed = _objects(world, DEAD_LETTERS)
    for name, value in NOT_OBJECTS.items():
        letter = cleaned.dead[cleaned.addresses[name]]
        assert letter.value() == value, name
        assert dict(letter.headers())["__connect.errors.exception.message"], name
        file = f"{DEAD_LETTERS}+{letter.partition()}+{letter.offset():010d}.bin"
        assert landed.pop(f"topics/{DEAD_LETTERS}/dt={DAY}/{file}") == (value or b""), name
    assert landed == {}


def test_each_dead_letter_is_quarantined_as_unparsable_with_its_text_or_bytes(cleaned: Cleaned) -> None:
    for name, value in NOT_OBJECTS.items():
        letter = cleaned.dead[cleaned.addresses[name]]
        row = cleaned.quarantined_at((DEAD_LETTERS, letter.partition(), letter.offset()))
        assert (row["data_set"], row["rules"], row["raw"]) == ("dead_letter", ["unparsable"], _raw(value or b"")), name
    counts = cleaned.receipt["data_sets"]["dead_letter"]
    assert (counts["read"], counts["quarantined"]) == (len(NOT_OBJECTS), len(NOT_OBJECTS))
    assert cleaned.receipt["quarantined_by_rule"]["dead_letter"] == {"unparsable": len(NOT_OBJECTS)}


def test_each_object_lands_once(world: World, cleaned: Cleaned) -> None:
    for data_set in DATASETS:
        topic = f"pinpipe.{data_set}"
        landed = Counter(
            (line["_topic"], line["_partition"], line["_offset"])
            for key, body in _objects(world, topic).items()
            if key not in FOREIGN
            for line in map(json.loads, body.splitlines())
        )
        assert landed == Counter(cleaned.addresses[row.name] for row in ROWS if row.data_set == data_set)


@pytest.mark.parametrize("row", [row for row in ROWS if row.rules], ids=lambda row: row.name)
def test_a_row_that_breaks_a_rule_is_quarantined_with_that_rule_its_line_and_its_address(
    cleaned: Cleaned, row: BadRow
) -> None:
    address = cleaned.addresses[row.name]
    found = cleaned.quarantined_at(address)
    topic, partition, offset = address
    inserted = f',"_topic":"{topic}","_partition":{partition},"_offset":{offset},"_timestamp":{NOON_MS}}}'
    assert (found["data_set"], set(found["rules"])) == (row.data_set, row.rules)
    assert found["raw"] == row.value.decode()[:-1] + inserted
    assert found["ingested_at"] == datetime.fromtimestamp(NOON_MS / 1000, UTC)
    assert address not in cleaned.clean


@pytest.mark.parametrize("row", [row for row in ROWS if not row.rules], ids=lambda row: row.name)
def test_an_odd_row_is_clean(cleaned: Cleaned, row: BadRow) -> None:
    found = cleaned.clean.get(cleaned.addresses[row.name])
    assert found is not None, [
        bad["rules"] for bad in cleaned.quarantined if _address(bad) == cleaned.addresses[row.name]
    ]
    assert found["ind"] == row.number
    assert {column: found[column] for column in row.clean} == row.clean


def test_of_an_object_that_is_cut_off_the_whole_lines_count_and_the_half_one_is_quarantined(cleaned: Cleaned) -> None:
    found = sorted(row["ind"] for (_, partition, _), row in cleaned.clean.items() if partition == 7)
    assert found == sorted(number for _, numbers, _ in FOREIGN.values() for number in numbers)
    halves = [row for row in cleaned.quarantined if row["partition"] == 7]
    assert {(row["data_set"], row["topic"], row["offset"], *row["rules"]) for row in halves} == {
        ("geo", TOPIC, None, "unparsable")
    }
    assert Counter(row["raw"] for row in halves) == Counter(
        _raw(line) for _, _, lines in FOREIGN.values() for line in lines
    )


def test_the_manifest_shows_the_lines_of_each_object_none_of_an_empty_one(cleaned: Cleaned) -> None:
    lines = {entry["key"]: entry["lines"] for entry in cleaned.receipt["manifest"] if entry["key"] in FOREIGN}
    assert lines == {key: len(numbers) + len(bad) for key, (_, numbers, bad) in FOREIGN.items()}
    assert 0 in lines.values()


def test_the_receipt_counts_every_row(cleaned: Cleaned) -> None:
    for data_set in DATASETS:
        rows = [row for row in ROWS if row.data_set == data_set]
        rules = Counter(rule for row in rows for rule in row.rules)
        foreign = list(FOREIGN.values()) if data_set == "geo" else []
        good = sum(not row.rules for row in rows) + sum(len(numbers) for _, numbers, _ in foreign)
        rules["unparsable"] += sum(len(lines) for _, _, lines in foreign)
        bad = sum(bool(row.rules) for row in rows) + rules["unparsable"]
        counts = cleaned.receipt["data_sets"][data_set]
        assert counts == {
            "read": good + bad, "clean": good, "redelivered": 0, "identical": 0, "superseded": 0, "quarantined": bad,
        }, data_set  # fmt: skip
        assert cleaned.receipt["quarantined_by_rule"][data_set] == {rule: rows for rule, rows in rules.items() if rows}


def test_the_independent_computation_says_the_same(world: World, cleaned: Cleaned) -> None:
    expected = cleaning.clean_days(read_log(world.bootstrap))[DAY]
    found = {address: row for address, row in cleaned.clean.items() if address[1] != 7}
    assert found == {_address(row): row for rows in expected.clean.values() for row in rows}
    assert {_address(row): set(row["rules"]) for row in cleaned.quarantined if row["partition"] != 7} == {
        (bad.topic, bad.partition, bad.offset): set(bad.rules) for bad in expected.quarantined
    }


def _objects(world: World, topic: str) -> dict[str, bytes]:
    s3 = world.aws("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"topics/{topic}/dt={DAY}/").get("Contents", [])
    return {entry["Key"]: s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed}


def _origin(letter: Message) -> Address:
    headers = {name: value.decode() for name, value in letter.headers()}
    topic, partition, offset = (headers[f"__connect.errors.{part}"] for part in ("topic", "partition", "offset"))
    return topic, int(partition), int(offset)


def _address(row: Row) -> Address:
    return row["topic"], row["partition"], row["offset"]


def _raw(value: bytes) -> str:
    """A quarantined line as the table keeps it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode()
