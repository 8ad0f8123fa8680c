import itertools
import re
import threading
import time

import pytest

from emulator import source as emulator_source
from emulator.api_client import RetryPolicy
from emulator.receipt import PostingStoppedError
from emulator.source import read_numbers
from tests.unit.emulator.stream_api import STREAMS
from tests.unit.emulator.stream_runs import counts, keys_of, post

# Who waits for an answer or a pause waits a minute; who does not is done much sooner, however busy the machine is.
PATIENT = RetryPolicy(deadline_s=100, read_timeout_s=60)
SOON_S = 30


def stopping(api, after):
    """Return what says yes once so many records are stored."""
    return lambda: api.all_keys.total() >= after


@pytest.mark.parametrize("records_per_request", [1, 30])
def test_a_stopped_run_says_exactly_what_arrived(source, api, caplog, monkeypatch, records_per_request):
    monkeypatch.setattr("emulator.stream_run.LAST_ANSWERS_S", 30)
    with caplog.at_level("INFO"), pytest.raises(PostingStoppedError, match="stopped as asked") as raised:
        post(
            source,
            api,
            rate=50,
            posts=None,
            duration_s=60,
            records_per_request=records_per_request,
            should_stop=stopping(api, 60),
        )
    receipt = raised.value.receipt
    accepted = {stream: each["accepted"] for stream, each in receipt["records"].items()}
    assert accepted == {stream: api.keys(stream).total() for stream in STREAMS.values()}
    assert sum(each["unanswered"] for each in receipt["records"].values()) == 0
    assert receipt["stopped"] == "as asked"
    (said,) = [message for message in caplog.messages if message.startswith("sent ")]
    assert f"{sum(accepted.values())} records accepted" in said
    assert receipt["posts"] == int(re.match(r"sent (\d+) posts", said)[1])


def test_a_stopped_run_does_not_wait_for_a_silent_server_and_counts_what_may_have_arrived(source, api):
    silent = threading.Event()
    api.answer = lambda attempt, *_: silent.wait(120) and None if attempt > 12 else None
    began = time.monotonic()
    with pytest.raises(PostingStoppedError, match="had no answer and may have arrived") as raised:
        post(source, api, retry=PATIENT, in_flight=3, should_stop=lambda: len(api.requests) >= 15)
    assert time.monotonic() - began < SOON_S
    receipt = raised.value.receipt
    silent.set()
    records = receipt["records"].values()
    assert sum(each["accepted"] for each in records) == 12
    assert sum(each["unanswered"] for each in records) >= 3


def test_a_stopped_run_does_not_wait_for_a_pause_to_end(source, api):
    api.answer = lambda *_: (429, {"Retry-After": "60"}, b"")
    began = time.monotonic()
    with pytest.raises(PostingStoppedError) as raised:
        post(source, api, retry=PATIENT, should_stop=lambda: len(api.requests) >= 4)
    assert time.monotonic() - began < SOON_S
    assert sum(each["accepted"] for each in raised.value.receipt["records"].values()) == 0


def test_what_waits_to_be_sent_again_after_a_lost_answer_may_have_arrived(source, api, monkeypatch):
    monkeypatch.setattr("emulator.stream_run.LAST_ANSWERS_S", 30)

    def lose_the_answer(_, stream, records):
        api.store(stream, records[0])
        raise ConnectionResetError

    api.answer = lose_the_answer
    pausing = RetryPolicy(first_wait_s=60, longest_wait_s=60, deadline_s=1000)
    with pytest.raises(PostingStoppedError, match=r"0 of 3 records were not posted, 3 had no answer") as raised:
        post(source, api, posts=1, retry=pausing, should_stop=lambda: len(api.all_keys) == 3)
    assert raised.value.receipt["records"] == counts(0, unanswered=1)


def test_a_stopped_run_does_not_wait_for_a_silent_database(source, api, monkeypatch):
    silent = threading.Event()
    monkeypatch.setattr(emulator_source, "_rows", lambda *_: silent.wait(120) and {})
    asked = itertools.count()
    with pytest.raises(PostingStoppedError, match="0 of 0 records were not posted, and 40 of 40 posts"):
        post(source, api, should_stop=lambda: next(asked) > 1)
    silent.set()


def test_a_run_that_is_broken_off_says_what_was_sent_too(source, api, caplog):
    def break_off():
        if api.all_keys.total() >= 30:
            raise KeyboardInterrupt

    with caplog.at_level("INFO"), pytest.raises(KeyboardInterrupt):
        post(source, api, rate=50, posts=1000, should_stop=break_off)
    assert any(message.startswith("sent ") and "records accepted" in message for message in caplog.messages)


def test_a_stopped_sequential_run_goes_on_without_loss(source, api):
    with pytest.raises(PostingStoppedError) as raised:
        post(
            source,
            api,
            rate=50,
            posts=120,
            selection="sequential",
            seed=None,
            should_stop=stopping(api, 50),
        )
    left = [number for number in read_numbers(source) if number >= raised.value.receipt["next_start"]]
    post(source, api, posts=len(left), selection="sequential", seed=None, start=left[0])
    assert set(api.all_keys) == set(keys_of(read_numbers(source)))
