import json
import threading
import time
from collections import Counter

import pytest

from emulator import source as emulator_source
from emulator.api_client import RetryPolicy
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.post import Post
from emulator.receipt import PostingError
from emulator.source import read_numbers
from emulator.stream_posting import planned_posts
from tests.unit.emulator.stream_api import STREAMS
from tests.unit.emulator.stream_runs import KEY, counts, keys_of, post


def throttled(api, code="ProvisionedThroughputExceededException"):
    return api.answered({"type": code, "message": "later"}, 429)


def test_every_row_of_every_chosen_post_arrives_under_its_partition_key(source, api):
    numbers = list(read_numbers(source))
    post(source, api, posts=120, selection="sequential", seed=None)
    assert api.all_keys == keys_of(numbers)
    for name, stream in STREAMS.items():
        for key, data in api.stored[stream]:
            assert key == f"{name}-{data['index' if name == 'pin' else 'ind']}"


def test_each_record_is_a_request_of_its_own_to_the_stage_with_the_key(source, api):
    post(source, api)
    assert len(api.requests) == 120
    assert {request["path"] for request in api.requests} == {
        f"/api/prod/streams/{stream}/record" for stream in STREAMS.values()
    }
    for request in api.requests:
        assert request["headers"]["x-api-key"] == KEY
        assert request["headers"]["Content-Type"] == "application/json"
        assert set(request["content"]) == {"StreamName", "Data", "PartitionKey"}
        assert request["content"]["StreamName"] == request["path"].split("/")[-2]


def test_several_records_a_request_go_by_the_other_route(source, api):
    receipt = post(source, api, posts=100, records_per_request=40)
    assert {request["path"] for request in api.requests} == {
        f"/api/prod/streams/{stream}/records" for stream in STREAMS.values()
    }
    assert sorted(len(request["keys"]) for request in api.requests) == [20] * 3 + [40] * 6
    assert receipt["records"] == counts(100)
    assert api.all_keys.total() == 300


def test_the_receipt_counts_what_arrived_and_where(source, api):
    receipt = post(source, api, posts=35)
    assert json.loads(json.dumps(receipt)) == receipt
    assert (receipt["posts"], receipt["posts_planned"], receipt["requests"]) == (35, 35, 105)
    assert (receipt["retried"], receipt["throttled"], receipt["failed_records"]) == ({}, 0, [])
    assert receipt["records"] == counts(35)
    assert receipt["shards"] == dict.fromkeys(STREAMS.values(), 2)
    first = int(receipt["sequence_numbers"]["t-pin"]["shardId-000000000000"][0])
    assert receipt["sequence_numbers"]["t-pin"] == {
        "shardId-000000000000": [str(first), str(first + 34)],
        "shardId-000000000001": [str(first + 1), str(first + 33)],
    }
    assert receipt["stopped"] is None
    assert receipt["started_at"] < receipt["finished_at"]


def test_no_post_is_begun_before_its_turn(source, api):
    began = time.monotonic()
    receipt = post(source, api, rate=40, posts=60)
    arrived = sorted(request["at"] for request in api.requests)[::3]
    assert all(at - began >= number / 40 for number, at in enumerate(arrived))
    assert receipt["achieved_rate"] <= 59 / (59 / 40 - 1)  # what was missed, and no more, is made up


def test_a_run_of_some_seconds_counts_what_it_had_time_for(source, api):
    receipt = post(source, api, rate=4, posts=None, duration_s=1)
    assert receipt["posts"] <= receipt["posts_planned"] == 4
    assert api.all_keys.total() == 3 * receipt["posts"]


def test_a_run_that_cannot_keep_its_rate_says_so(source, api, caplog):
    api.answer = lambda *_: time.sleep(0.1)
    receipt = post(source, api, rate=100, posts=10, in_flight=3)
    assert receipt["records"] == counts(10)
    assert "rate=100 was not kept" in caplog.text


def test_the_same_seed_posts_the_same_choice(source, api):
    post(source, api, seed=9)
    first = api.all_keys
    post(source, api, seed=9)
    assert api.all_keys == first + first


def test_a_post_that_lacks_a_row_is_posted_with_what_there_is(engine, api):
    (one,) = generate_posts(1, seed=1)
    load_posts(engine, [Post(one.number, one.pin, None, one.user)])
    receipt = post(engine, api, posts=1)
    assert {stream: each["accepted"] for stream, each in receipt["records"].items()} == {
        "t-pin": 1,
        "t-geo": 0,
        "t-user": 1,
    }


def test_several_requests_are_in_flight_but_no_more_than_asked_for(source, api):
    together = threading.Barrier(5)

    def answer(*_):
        together.wait(30)

    api.answer = answer
    post(source, api, posts=20, in_flight=5)
    assert api.most_at_once == 5


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_refusal_is_tried_again_and_counted_by_its_reason(source, api, status):
    api.answer = lambda attempt, *_: (status, {}, b"later") if attempt <= 4 else None
    receipt = post(source, api)
    assert receipt["retried"] == {str(status): 4}
    assert receipt["throttled"] == (4 if status == 429 else 0)
    assert receipt["requests"] == 120 + 4
    assert api.all_keys.total() == 120


def test_a_throttled_stream_is_tried_again(source, api):
    api.answer = lambda attempt, stream, _: throttled(api) if stream == "t-geo" and attempt < 30 else None
    receipt = post(source, api)
    assert receipt["throttled"] == receipt["retried"]["429 ProvisionedThroughputExceededException"] > 0
    assert receipt["records"] == counts(40)


def test_a_lost_connection_is_tried_again(source, api):
    def hang_up(attempt, *_):
        if attempt <= 2:
            raise ConnectionResetError

    api.answer = hang_up
    receipt = post(source, api)
    assert receipt["retried"] == {"no answer": 2}
    assert api.all_keys.total() == 120


def test_only_the_failed_records_of_a_request_are_sent_again(source, api):
    codes = {2: "ProvisionedThroughputExceededException", 5: "InternalFailure"}

    def answer(attempt, stream, records):
        if attempt > 1:
            return None
        outcomes = [
            {"ErrorCode": codes[at], "ErrorMessage": "later"} if at in codes else api.store(stream, record)
            for at, record in enumerate(records)
        ]
        return api.answered({"FailedRecordCount": 2, "Records": outcomes})

    api.answer = answer
    receipt = post(source, api, posts=10, selection="sequential", in_flight=1, records_per_request=10)
    first = api.requests[0]
    assert [first["keys"][2], first["keys"][5]] in [request["keys"] for request in api.requests[1:]]
    assert receipt["retried"] == {"ProvisionedThroughputExceededException": 1, "InternalFailure": 1}
    assert receipt["throttled"] == 1
    assert receipt["requests"] == len(api.requests) == 4
    assert set(api.all_keys.values()) == {1}
    assert api.all_keys.total() == 30


def test_a_record_that_is_never_accepted_fails_the_run_and_is_named(source, api):
    numbers = list(read_numbers(source))
    lost = f"geo-{numbers[3]}"
    api.answer = lambda _, __, records: (400, {}, b'{"message": "larger than 1 MB"}') if records[0][1] == lost else None
    with pytest.raises(PostingError, match=r"1 of 120 records were not posted; 1 x PUT .*larger than 1 MB") as raised:
        post(source, api, selection="sequential", seed=None)
    receipt = raised.value.receipt
    (named,) = receipt["failed_records"]
    assert (named["stream"], named["partition_key"]) == ("t-geo", lost)
    assert "answered 400" in named["reason"]
    assert receipt["records"]["t-geo"] == {"accepted": 39, "failed": 1, "unanswered": 0}
    assert receipt["next_start"] == numbers[3]
    assert api.all_keys == keys_of(numbers[:40]) - Counter([lost])


def test_a_record_that_kinesis_refuses_for_good_is_named_too(source, api):
    def answer(_, stream, records):
        outcomes = [
            {"ErrorCode": "AccessDenied", "ErrorMessage": "no"}
            if key.startswith("pin")
            else api.store(stream, (data, key))
            for data, key in records
        ]
        return api.answered({"FailedRecordCount": 1, "Records": outcomes})

    api.answer = answer
    with pytest.raises(PostingError, match="stream 't-pin': AccessDenied: no") as raised:
        post(source, api, posts=20, records_per_request=10)
    assert len(raised.value.receipt["failed_records"]) == 20


@pytest.mark.parametrize("status", [400, 413])
def test_of_records_refused_together_only_those_at_fault_fail(source, api, status):
    numbers = list(read_numbers(source))
    lost = {f"pin-{numbers[number]}" for number in (0, 57, 58)}
    api.answer = lambda _, __, records: (
        (status, {}, b"larger than 1 MB") if lost & {key for _, key in records} else None
    )
    with pytest.raises(PostingError, match="3 of 360 records were not posted") as raised:
        post(source, api, posts=120, records_per_request=500, selection="sequential", seed=None)
    receipt = raised.value.receipt
    assert {named["partition_key"] for named in receipt["failed_records"]} == lost
    assert receipt["records"]["t-pin"] == {"accepted": 117, "failed": 3, "unanswered": 0}
    assert receipt["requests"] == len(api.requests) < 3 + 3 * 2 * 7
    assert api.all_keys == keys_of(numbers) - Counter(lost)


def test_one_bad_record_in_every_request_does_not_end_the_run(source, api):
    numbers = list(read_numbers(source))
    lost = {f"geo-{number}" for number in numbers[::50]}
    api.answer = lambda _, __, records: (400, {}, b"no") if lost & {key for _, key in records} else None
    with pytest.raises(PostingError, match="3 of 360 records were not posted") as raised:
        post(source, api, posts=120, records_per_request=50, selection="sequential", seed=None)
    assert raised.value.receipt["posts"] == 120
    assert api.all_keys == keys_of(numbers) - Counter(lost)


def test_what_is_left_of_a_request_is_not_sent_once_the_api_refuses_everything(source, api):
    api.answer = lambda attempt, *_: (400 if attempt == 1 else 403, {}, b"no")
    with pytest.raises(PostingError, match="answered 403") as raised:
        post(source, api, posts=100, records_per_request=100, in_flight=1)
    assert raised.value.receipt["records"] == counts(0, failed=100)
    to_pin = [len(request["keys"]) for request in api.requests if request["path"].endswith("/t-pin/records")]
    assert to_pin == [100, 50]


def test_so_many_records_refused_for_their_own_sake_end_the_run(source, api):
    api.answer = lambda *_: (400, {}, b"no")
    with pytest.raises(PostingError, match="posts were not begun") as raised:
        post(source, api, posts=1000)
    assert len(raised.value.receipt["failed_records"]) == 50
    assert len(api.requests) < 150


@pytest.mark.parametrize("status", [301, 403, 404, 501])
def test_another_refusal_ends_the_run_with_the_answers_text_and_without_the_key(source, api, status):
    api.answer = lambda *_: (status, {"Location": "/elsewhere"}, f"no such thing for {KEY}".encode())
    with pytest.raises(PostingError, match=f"answered {status}: no such thing for \\*\\*\\*") as raised:
        post(source, api, posts=1000)
    assert KEY not in json.dumps(raised.value.receipt)
    assert len(api.requests) <= 8


def test_an_api_that_keeps_throttling_ends_the_run_at_the_deadline_with_all_counts(source, api):
    api.answer = lambda attempt, *_: None if attempt <= 10 else throttled(api)
    with pytest.raises(PostingError, match=r"answered 429: .*\(after \d+ attempts\)") as raised:
        post(source, api, posts=300, retry=RetryPolicy(first_wait_s=0.01, longest_wait_s=0.05, deadline_s=0.5))
    records = raised.value.receipt["records"].values()
    assert sum(each["accepted"] for each in records) == api.all_keys.total() == 10
    assert sum(each["unanswered"] for each in records) == 0


def test_records_whose_answer_was_lost_may_have_arrived_and_the_run_fails(source, api):
    def lose_answers(_, stream, records):
        if stream == "t-geo":
            api.store(stream, records[0])
            raise ConnectionResetError

    api.answer = lose_answers
    with pytest.raises(PostingError, match=r"had no answer and may have arrived; 1 x PUT .*: no answer: ") as raised:
        post(source, api, posts=1, retry=RetryPolicy(first_wait_s=0.01, deadline_s=0.1))
    records = raised.value.receipt["records"]
    assert records["t-geo"] == {"accepted": 0, "failed": 0, "unanswered": 1}
    assert sum(each["failed"] for each in records.values()) == 0
    assert raised.value.receipt["failed_records"] == []
    assert api.keys("t-geo").total() >= 1


def test_a_refusal_after_a_lost_answer_does_not_say_that_the_record_did_not_arrive(source, api):
    def lose_the_first(attempt, *_):
        if attempt == 1:
            raise ConnectionResetError
        return 403, {}, b"no more"

    api.answer = lose_the_first
    with pytest.raises(PostingError) as raised:
        post(source, api, posts=1, in_flight=1, selection="sequential", seed=None)
    records = raised.value.receipt["records"]
    assert records["t-pin"] == {"accepted": 0, "failed": 0, "unanswered": 1}
    assert raised.value.receipt["next_start"] == next(iter(read_numbers(source)))


@pytest.mark.parametrize("content", [b"<html>", b"{}", b"[]", b'{"ShardId": "a", "SequenceNumber": 5}', b'"text"'])
@pytest.mark.parametrize("records_per_request", [1, 2])
def test_an_answer_that_is_not_kinesis_ends_the_run(source, api, content, records_per_request):
    api.answer = lambda *_: (200, {}, content)
    with pytest.raises(PostingError, match="answered 200, but not with the shards and sequence numbers of 1 records"):
        post(source, api, posts=1, records_per_request=records_per_request)


def test_a_sequential_run_says_where_the_next_one_goes_on(source, api):
    numbers = list(read_numbers(source))
    receipt = post(source, api, posts=40, selection="sequential", seed=None)
    assert receipt["next_start"] == numbers[39] + 1
    post(source, api, posts=80, selection="sequential", seed=None, start=receipt["next_start"])
    assert api.all_keys == keys_of(numbers)
    assert post(source, api)["next_start"] is None


def test_a_source_that_fails_in_mid_run_leaves_the_receipt_of_what_arrived(source, api, monkeypatch):
    monkeypatch.setattr("emulator.source.POSTS_PER_QUERY", 40)
    numbers, rows = list(read_numbers(source)), emulator_source._rows

    def fail_late(connection, name, wanted):
        if numbers[50] in wanted:
            raise ValueError("year -44 is out of range")
        return rows(connection, name, wanted)

    monkeypatch.setattr(emulator_source, "_rows", fail_late)
    with pytest.raises(PostingError, match=r"year -44 .* 0 of 120 records .*, and 80 of 120 posts") as raised:
        post(source, api, posts=120, selection="sequential", seed=None)
    assert raised.value.receipt["records"] == counts(40)
    assert raised.value.receipt["next_start"] == numbers[39] + 1
    assert api.all_keys == keys_of(numbers[:40])


def test_an_empty_source_is_named_before_anything_is_posted(engine, api):
    emulator_source.create_tables(engine)
    with pytest.raises(emulator_source.SourceError, match="holds no post"):
        post(engine, api)
    assert api.requests == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"rate": 0.05}, r"rate=0.05: give 0.1 to 5000 posts per second"),
        ({"rate": float("nan")}, "rate=nan: give"),
        ({"rate": 5001}, "rate=5001: give"),
        ({"posts": 0}, "posts=0: ask for at least 1"),
        ({"posts": None, "duration_s": 0.5}, "duration_s=0.5: give 1 to 18000"),
        ({"duration_s": 5}, "posts=40 and duration_s=5: give one of them"),
        ({"rate": 0.1, "posts": 5000}, "posts=5000 at rate=0.1 take 50000 s, .* at most 1800 posts or a higher rate"),
        ({"in_flight": 65}, "in_flight=65: give 1 to 64"),
        ({"records_per_request": 501}, "records_per_request=501: give 1 to 500"),
        ({"selection": "sequential", "start": 10**9}, "the source has 0 there"),
        (
            {"rate": 10, "posts": None, "duration_s": 60, "selection": "sequential"},
            "rate=10 makes 600 posts in that time: posts=600 from post number .* the source has 120 there",
        ),
        ({"invoke_url": "api.example"}, "give the API's URL with http"),
        ({"api_key": ""}, "the API key is empty"),
        ({"streams": {"pin": "t-pin"}}, "no stream is given for the data set geo, user"),
    ],
)
def test_arguments_out_of_their_limits_are_refused_before_anything_is_posted(source, api, changed, reason):
    with pytest.raises(ValueError, match=reason):
        post(source, api, **changed)
    assert api.requests == []


@pytest.mark.parametrize(
    ("rate", "posts", "duration_s", "planned"),
    [(50, None, None, 3000), (50, None, 10, 500), (0.1, None, 60, 6), (0.1, None, 1, 1), (7, 11, None, 11)],
)
def test_a_run_plans_its_posts_by_number_or_time(rate, posts, duration_s, planned):
    assert planned_posts(rate, posts, duration_s) == planned
