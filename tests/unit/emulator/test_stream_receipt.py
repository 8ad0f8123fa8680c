import json
from collections import Counter
from datetime import UTC, datetime

from emulator.payloads import StreamRecord
from emulator.stream_producer import PutResult
from emulator.stream_receipt import StreamReceipt

START = datetime(2024, 2, 28, 23, 59, tzinfo=UTC)


def receipt(posts=10):
    return StreamReceipt(posts, ["s"], START, rate=5.0)


def record(number):
    return StreamRecord(number, f"pin-{number}", b"{}")


def booked(counts, *accepted, failures=(), retried=()):
    """Begin and book a request whose records have these shards and sequence numbers, or these reasons."""
    records = [record(at) for at in range(len(accepted) + len(failures))]
    counts.request_begun("s", len(records))
    counts.book(
        PutResult(
            "s",
            records,
            accepted=[(one, shard, number) for one, (shard, number) in zip(records, accepted, strict=False)],
            failures=list(zip(records[len(accepted) :], failures, strict=True)),
            retried=Counter(retried),
            requests=1,
        )
    )


def test_sequence_numbers_are_compared_as_numbers_and_kept_as_kinesis_writes_them():
    counts = receipt()
    booked(counts, ("shard-0", "0099"), ("shard-0", "100"), ("shard-1", "7"))
    assert counts.as_dict(START)["sequence_numbers"] == {"s": {"shard-0": ["0099", "100"], "shard-1": ["7", "7"]}}


def test_a_receipt_stays_small_whatever_the_run():
    counts = receipt(5_000)
    for shard in range(1_000):
        booked(counts, (f"shardId-{shard:012d}", "9" * 56), failures=["x" * 5_000] * 4)
    told = counts.as_dict(START)
    assert told["shards"] == {"s": 1_000}
    assert len(told["sequence_numbers"]["s"]) == 20
    assert len(told["failed_records"]) == 50
    assert told["records"]["s"] == {"accepted": 1_000, "failed": 4_000, "unanswered": 0}
    assert len(json.dumps(told)) < 30_000


def test_what_is_throttled_is_counted_whoever_throttles():
    counts = receipt()
    booked(counts, retried={"429": 2, "429 ProvisionedThroughputExceededException": 3, "503": 5, "no answer": 7})
    booked(counts, retried={"ProvisionedThroughputExceededException": 11})
    assert counts.throttled == 2 + 3 + 11
    assert counts.summary().endswith(
        "28 times a record was sent again (ProvisionedThroughputExceededException: 11, no answer: 7, 503: 5, "
        "429 ProvisionedThroughputExceededException: 3, 429: 2)"
    )


def test_what_is_on_its_way_is_neither_accepted_nor_failed_and_the_rest_is_failed():
    counts = receipt()
    booked(counts, ("shard-0", "1"))
    counts.request_begun("s", 2)
    for _ in range(2):
        counts.close({"s": 6}, "not accepted before the run ended")
    assert counts.as_dict(START)["records"]["s"] == {"accepted": 1, "failed": 3, "unanswered": 2}
    assert "1 records accepted (s 1), 3 not accepted, 2 without an answer" in counts.summary()


def test_one_post_has_no_rate():
    counts = receipt()
    counts.post_begun()
    assert counts.achieved_rate is None
    assert counts.as_dict(START)["achieved_rate"] is None
