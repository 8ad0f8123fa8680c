from emulator.payloads import StreamRecord
from emulator.stream_batches import BYTES_PER_REQUEST, StreamBatches


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def record(number, data=b"{}"):
    return StreamRecord(number, f"pin-{number}", data)


def numbers(batches):
    return [(stream, [each.number for each in records]) for stream, records in batches]


def test_of_one_record_a_batch_none_waits():
    batches = StreamBatches(1)
    assert numbers(batches.add("a", record(1))) == [("a", [1])]
    assert batches.rest() == []


def test_a_batch_is_sent_when_it_is_full_and_streams_do_not_mix():
    batches = StreamBatches(2)
    assert batches.add("a", record(1)) == batches.add("b", record(2)) == []
    assert numbers(batches.add("a", record(3))) == [("a", [1, 3])]
    assert numbers(batches.rest()) == [("b", [2])]


def test_a_batch_stays_below_the_bytes_that_kinesis_takes():
    batches = StreamBatches(500)
    half = b"x" * (BYTES_PER_REQUEST // 2)
    assert batches.add("a", record(1, half)) == []
    assert numbers(batches.add("a", record(2, half))) == [("a", [1])]
    assert numbers(batches.rest()) == [("a", [2])]


def test_a_record_larger_than_a_batch_may_be_goes_alone():
    batches = StreamBatches(500)
    batches.add("a", record(1))
    assert numbers(batches.add("a", record(2, b"x" * BYTES_PER_REQUEST))) == [("a", [1])]
    assert numbers(batches.add("a", record(3))) == [("a", [2])]


def test_no_record_waits_longer_than_a_second():
    clock = Clock()
    batches = StreamBatches(500, clock)
    batches.add("a", record(1))
    clock.now += 0.6
    batches.add("a", record(2))
    batches.add("b", record(3))
    assert batches.overdue() == []
    clock.now += 0.4
    assert numbers(batches.overdue()) == [("a", [1, 2])]
    assert batches.overdue() == []
    assert numbers(batches.rest()) == [("b", [3])]
