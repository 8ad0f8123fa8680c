import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from emulator import source as emulator_source
from emulator.api_client import RetryPolicy
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.post import Post
from emulator.posting import post_batch
from emulator.receipt import PostingError, PostingStoppedError
from emulator.source import TABLES, read_numbers, read_posts
from tests.unit.emulator.rest_proxy import TOPICS

# Quick to send again, and in no hurry where the machine is busy.
QUICK = RetryPolicy(first_wait_s=0.01, longest_wait_s=0.05, deadline_s=30, connect_timeout_s=10, read_timeout_s=30)
# Who waits for an answer or a pause waits a minute; who does not is done much sooner, however busy the machine is.
PATIENT = RetryPolicy(deadline_s=100, read_timeout_s=60)
SOON_S = 30
KEY = "sesame-key"


def post(source, proxy, **changed):
    arguments = {"posts": 40, "seed": 1, "retry": QUICK, "in_flight": 3, "records_per_request": 10, **changed}
    return post_batch(
        source, **{"invoke_url": proxy.url, "stage": "prod", "api_key": KEY, "topics": TOPICS, **arguments}
    )


def error_answer(status, text="", **headers):
    return status, headers, text.encode()


def all_keys(proxy):
    return {topic: proxy.keys(topic) for topic in TOPICS.values()}


def test_every_row_of_every_chosen_post_arrives_under_its_number(source, proxy):
    numbers = [str(number) for number in read_numbers(source)]
    post(source, proxy, posts=120, selection="sequential", seed=None)
    assert all_keys(proxy) == {topic: Counter(numbers) for topic in TOPICS.values()}
    for topic, column in (("t.pin", "index"), ("t.geo", "ind"), ("t.user", "ind")):
        assert all(value[column] == int(key) for key, value in proxy.stored[topic])


def test_requests_go_to_the_stage_with_key_and_content_type_and_hold_at_most_500_records(source, proxy):
    post(source, proxy, posts=1200, records_per_request=500)
    assert {request["path"] for request in proxy.requests} == {f"/api/prod/topics/{t}" for t in TOPICS.values()}
    assert {request["headers"]["x-api-key"] for request in proxy.requests} == {KEY}
    assert {request["headers"]["Content-Type"] for request in proxy.requests} == {"application/vnd.kafka.json.v2+json"}
    assert sorted(len(request["keys"]) for request in proxy.requests) == [200] * 3 + [500] * 6


def test_the_receipt_counts_what_arrived(source, proxy):
    before = datetime.now(UTC).date().isoformat()
    receipt = post(source, proxy, posts=35)
    assert json.loads(json.dumps(receipt)) == receipt
    assert receipt["posts"] == 35
    assert receipt["requests"] == len(proxy.requests) == 12
    assert receipt["retries"] == 0
    assert receipt["records"] == {topic: {"posted": 35, "failed": 0} for topic in TOPICS.values()}
    assert receipt["offsets"] == {topic: {"0": [0, 11], "1": [0, 11], "2": [0, 10]} for topic in TOPICS.values()}
    assert receipt["days"][0] == before
    assert receipt["started_at"] < receipt["finished_at"]


def test_the_same_seed_posts_the_same_choice(source, proxy):
    post(source, proxy, seed=9)
    first = all_keys(proxy)
    post(source, proxy, seed=9)
    assert all_keys(proxy) == {
        topic: Counter({key: 2 * many for key, many in keys.items()}) for topic, keys in first.items()
    }


def test_without_a_seed_the_choice_differs_and_the_log_names_its_seed(source, proxy, caplog):
    with caplog.at_level("INFO", logger="emulator.selection"):
        post(source, proxy, seed=None)
    first = all_keys(proxy)
    seed = int(caplog.messages[0].rsplit(" ", 1)[1])
    post(source, proxy, seed=seed)
    assert all_keys(proxy)["t.pin"] == first["t.pin"] + first["t.pin"]


def test_a_post_that_lacks_a_row_is_posted_with_what_there_is(engine, proxy):
    (one,) = generate_posts(1, seed=1)
    load_posts(engine, [Post(one.number, one.pin, None, one.user)])
    receipt = post(engine, proxy, posts=1)
    assert {topic: counts["posted"] for topic, counts in receipt["records"].items()} == {
        "t.pin": 1,
        "t.geo": 0,
        "t.user": 1,
    }


def test_several_requests_are_in_flight_but_no_more_than_asked_for(source, proxy):
    together = threading.Barrier(3)

    def answer(*_):
        together.wait(30)

    proxy.answer = answer
    post(source, proxy, in_flight=3)
    assert proxy.most_at_once == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_refusal_is_tried_again_until_all_has_arrived(source, proxy, status):
    proxy.answer = lambda attempt, *_: error_answer(status, "later") if attempt <= 4 else None
    receipt = post(source, proxy)
    assert receipt["retries"] == 4
    assert receipt["requests"] == 12 + 4
    assert all(keys.total() == 40 for keys in all_keys(proxy).values())


def test_a_lost_connection_is_tried_again(source, proxy):
    def hang_up(attempt, *_):
        if attempt <= 2:
            raise ConnectionResetError

    proxy.answer = hang_up
    assert post(source, proxy)["retries"] == 2
    assert all(keys.total() == 40 for keys in all_keys(proxy).values())


def test_a_late_answer_is_a_lost_one_and_the_records_are_sent_again(source, proxy):
    released = threading.Event()
    proxy.answer = lambda attempt, *_: released.wait(60) and None if attempt == 1 else None
    quick = RetryPolicy(first_wait_s=0.01, deadline_s=30, read_timeout_s=1)
    assert post(source, proxy, retry=quick, in_flight=1)["retries"] >= 1
    released.set()
    first, again = proxy.requests[:2]
    assert again["keys"] == first["keys"]


def test_retry_after_is_waited_for(source, proxy):
    moments = []

    def answer(attempt, *_):
        moments.append(time.monotonic())
        return error_answer(429, **{"Retry-After": "1"}) if attempt == 1 else None

    proxy.answer = answer
    post(source, proxy, posts=1, in_flight=1)
    assert moments[1] - moments[0] >= 1


def test_only_the_failed_records_of_an_answer_are_sent_again(source, proxy):
    def answer(attempt, topic, records):
        if attempt > 1:
            return None
        failed = {"partition": None, "offset": None, "error_code": 50003, "error": "not the leader"}
        return proxy.offsets(
            [failed if at in (2, 5) else proxy.store(topic, record) for at, record in enumerate(records)]
        )

    proxy.answer = answer
    receipt = post(source, proxy, posts=10, selection="sequential", in_flight=1)
    first, again = proxy.requests[:2]
    assert again["keys"] == [first["keys"][2], first["keys"][5]]
    assert receipt["retries"] == 1
    assert all(set(keys.values()) == {1} and keys.total() == 10 for keys in all_keys(proxy).values())


def test_a_record_that_never_can_be_accepted_fails_the_run_after_all_others_were_posted(source, proxy):
    def answer(_, topic, records):
        failed = {"partition": None, "offset": None, "error_code": 50002, "error": "message too large"}
        return proxy.offsets(
            [
                failed if topic == "t.geo" and at == 0 else proxy.store(topic, record)
                for at, record in enumerate(records)
            ]
        )

    proxy.answer = answer
    with pytest.raises(
        PostingError, match=r"4 of 120 records were not posted; 4 x topic 't.geo': error 50002: message too large"
    ) as raised:
        post(source, proxy)
    assert raised.value.receipt["records"]["t.geo"] == {"posted": 36, "failed": 4}
    assert raised.value.receipt["records"]["t.pin"] == {"posted": 40, "failed": 0}
    assert len(proxy.requests) == 12


@pytest.mark.parametrize("status", [301, 400, 403, 404, 413, 501])
def test_another_refusal_fails_at_once_with_the_answers_text_and_without_the_key(source, proxy, status):
    proxy.answer = lambda *_: error_answer(status, f"no such thing for {KEY}", Location="/elsewhere")
    with pytest.raises(PostingError, match=f"answered {status}: no such thing for \\*\\*\\*") as raised:
        post(source, proxy, posts=120)
    assert KEY not in str(raised.value)
    assert len(proxy.requests) <= 4
    assert sum(counts["posted"] for counts in raised.value.receipt["records"].values()) == 0


def test_a_server_that_keeps_refusing_ends_the_run_at_the_deadline_with_all_counts(source, proxy):
    proxy.answer = lambda attempt, *_: None if attempt <= 2 else error_answer(503, "down")
    with pytest.raises(
        PostingError, match=r"of \d+ records were not posted.* answered 503: down \(after \d+ attempts\)"
    ) as raised:
        post(
            source,
            proxy,
            posts=120,
            retry=RetryPolicy(first_wait_s=0.01, longest_wait_s=0.05, deadline_s=0.5),
            in_flight=1,
        )
    counts = raised.value.receipt["records"]
    assert (
        sum(count["posted"] for count in counts.values())
        == sum(keys.total() for keys in all_keys(proxy).values())
        == 20
    )
    assert "posts were not begun" in str(raised.value)
    begun = 120 - int(str(raised.value).split(", and ")[1].split(" ")[0])
    assert sum(count["posted"] + count["failed"] for count in counts.values()) == 3 * begun


def test_a_sequential_run_says_where_the_next_one_goes_on(source, proxy):
    numbers = list(read_numbers(source))
    receipt = post(source, proxy, posts=40, selection="sequential", seed=None)
    assert receipt["next_start"] == numbers[39] + 1
    again = post(source, proxy, posts=80, selection="sequential", seed=None, start=receipt["next_start"])
    assert all_keys(proxy) == {topic: Counter(map(str, numbers)) for topic in TOPICS.values()}
    assert again["next_start"] == numbers[-1] + 1
    assert post(source, proxy)["next_start"] is None


def test_a_failed_run_goes_on_at_the_first_post_that_did_not_wholly_arrive(source, proxy):
    numbers = list(read_numbers(source))

    def answer(_, topic, records):
        return error_answer(403, "no more") if topic == "t.geo" and records[0]["key"] == str(numbers[20]) else None

    proxy.answer = answer
    with pytest.raises(PostingError, match=rf"To go on without loss: start={numbers[20]}$") as raised:
        post(source, proxy, posts=120, selection="sequential", seed=None)
    assert raised.value.receipt["next_start"] == numbers[20]
    assert {str(number) for number in numbers[:20]} <= set.intersection(*map(set, all_keys(proxy).values()))


def test_a_source_that_fails_in_mid_run_leaves_the_receipt_of_what_arrived(source, proxy, monkeypatch):
    monkeypatch.setattr("emulator.source.POSTS_PER_QUERY", 40)
    numbers = list(read_numbers(source))

    def lose_a_table():
        with source.begin() as connection:
            connection.exec_driver_sql("DROP TABLE IF EXISTS user_data")

    with pytest.raises(PostingError, match=r"no such table: user_data.* 30 of 120 records were not posted") as raised:
        post(source, proxy, posts=120, selection="sequential", seed=None, should_stop=lose_a_table)
    assert raised.value.receipt["records"] == {topic: {"posted": 30, "failed": 10} for topic in TOPICS.values()}
    assert raised.value.receipt["next_start"] == numbers[30]


def delete(source, numbers):
    """Delete all rows of posts, as somebody else does while a run is under way."""
    with source.begin() as connection:
        for table in TABLES.values():
            (column,) = table.primary_key
            connection.execute(table.delete().where(column.in_(numbers)))


def test_posts_that_vanish_between_being_chosen_and_being_read_are_counted(source, proxy, monkeypatch, caplog):
    monkeypatch.setattr("emulator.source.POSTS_PER_QUERY", 40)
    numbers = list(read_numbers(source))
    receipt = post(
        source,
        proxy,
        posts=120,
        selection="sequential",
        seed=None,
        should_stop=lambda: delete(source, numbers[50:60]) or False,
    )
    assert (receipt["posts"], receipt["vanished"]) == (120, 10)
    assert receipt["records"] == {topic: {"posted": 110, "failed": 0} for topic in TOPICS.values()}
    assert "10 of 120 posts lost all their rows in the source before they were read: nothing of them" in caplog.text
    assert receipt["next_start"] == numbers[-1] + 1


def test_a_run_whose_posts_all_vanished_fails(source, proxy, monkeypatch):
    numbers = list(read_numbers(source))

    def read_later(engine, chosen):
        chosen = list(chosen)
        delete(source, numbers)
        return read_posts(engine, chosen)

    monkeypatch.setattr("emulator.posting.read_posts", read_later)
    with pytest.raises(PostingError, match=r"40 of 40 posts lost all their rows .*: run it again") as raised:
        post(source, proxy)
    assert raised.value.receipt["vanished"] == 40


def test_a_value_that_cannot_be_read_leaves_the_receipt_of_what_arrived(source, proxy, monkeypatch):
    monkeypatch.setattr("emulator.source.POSTS_PER_QUERY", 40)
    numbers = list(read_numbers(source))
    rows = emulator_source._rows

    def fail_late(connection, name, wanted):
        if numbers[50] in wanted:
            raise ValueError("year -44 is out of range")
        return rows(connection, name, wanted)

    monkeypatch.setattr(emulator_source, "_rows", fail_late)
    with pytest.raises(PostingError, match=r"year -44 is out of range.* 30 of 120 records were not posted") as raised:
        post(source, proxy, posts=120, selection="sequential", seed=None)
    assert raised.value.receipt["next_start"] == numbers[30]


def test_a_dead_server_is_named(source, proxy):
    proxy.close()
    with pytest.raises(PostingError, match=r"POST http://127.0.0.1:.*: no answer: .*refused"):
        post(source, proxy, retry=RetryPolicy(first_wait_s=0.01, deadline_s=0.2))


@pytest.mark.parametrize("content", [b"<html>", b"{}", b'{"offsets":[]}', b'{"offsets":[{}]}', b"[1]"])
def test_an_answer_that_is_no_rest_proxys_fails_at_once(source, proxy, content):
    proxy.answer = lambda *_: (200, {}, content)
    with pytest.raises(PostingError, match="answered 200, but not with the offsets of 1 records"):
        post(source, proxy, posts=1)


def test_a_run_that_is_told_to_stop_ends_soon_although_no_answer_comes(source, proxy):
    silent = threading.Event()
    proxy.answer = lambda *_: silent.wait(120) and None
    began = time.monotonic()
    with pytest.raises(
        PostingStoppedError, match=r"stopped as asked: (\d+) of \1 records were not posted, and \d+ of 40 posts"
    ) as raised:
        post(source, proxy, retry=PATIENT, should_stop=lambda: len(proxy.requests) > 0)
    assert time.monotonic() - began < SOON_S
    silent.set()
    assert raised.value.receipt["records"]["t.pin"]["failed"] >= 10
    assert raised.value.receipt["offsets"]["t.pin"] == {}


def test_a_run_that_is_told_to_stop_does_not_wait_for_a_pause_to_end(source, proxy):
    proxy.answer = lambda *_: error_answer(429, **{"Retry-After": "60"})
    began = time.monotonic()
    with pytest.raises(PostingStoppedError):
        post(source, proxy, retry=PATIENT, should_stop=lambda: len(proxy.requests) > 0)
    assert time.monotonic() - began < SOON_S


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"posts": 0}, "posts=0: ask for at least 1"),
        ({"in_flight": 0}, "in_flight=0: give 1 to 64"),
        ({"records_per_request": 501}, "records_per_request=501: give 1 to 500"),
        ({"selection": "sequential", "start": 10**9}, "the source has 0 there"),
        ({"invoke_url": "api.example"}, "give the API's URL with http"),
        ({"api_key": ""}, "the API key is empty"),
        ({"topics": {"pin": "t.pin"}}, "no topic is given for the data set geo, user"),
    ],
)
def test_arguments_out_of_their_limits_are_refused_before_anything_is_posted(source, proxy, changed, reason):
    with pytest.raises(ValueError, match=reason):
        post(source, proxy, **changed)
    assert proxy.requests == []


def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(source, proxy):
    with pytest.raises(ValueError, match="no header can hold it") as raised:
        post(source, proxy, api_key="secret\nkey")
    assert "secret" not in str(raised.value)
