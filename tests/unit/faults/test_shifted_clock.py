from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.faults.shifted_clock import clock_ahead
from tests.unit.faults.ways_to_wait import WAIT_S, WAYS
from tests.world import ROOT

MINUTES = (65, -65)
READ_CLOCKS = """
import ctypes, datetime, json, subprocess, time
C = ctypes.CDLL(None)
C.time.restype = ctypes.c_long
moment = (ctypes.c_long * 2)()
told = {"time": C.time(None), "Python": time.time(), "coarse": time.clock_gettime(5)}
C.gettimeofday(moment, None)
told["gettimeofday"] = moment[0]
C.timespec_get(moment, 1)
told["timespec_get"] = moment[0]
told["datetime"] = datetime.datetime.now(datetime.UTC).timestamp()
told["a program that it starts"] = int(subprocess.check_output(["date", "+%s"]))
print(json.dumps([told, time.monotonic()]))
"""
LIST_TOPICS = """
from confluent_kafka.admin import AdminClient
for number in range(10):
    # The library's own broker, in the same process.
    admin = AdminClient({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 0})
    print(len(admin.list_topics(timeout=5).brokers))
"""


@pytest.fixture(scope="module", params=MINUTES)
def shifted(request: pytest.FixtureRequest) -> Iterator[tuple[int, dict[str, str]]]:
    with clock_ahead(request.param) as variables:
        yield request.param, {**os.environ, **variables}


def run(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_way_to_read_the_wall_clock_tells_the_shifted_time_and_the_monotonic_clock_goes_right(
    shifted: tuple[int, dict[str, str]],
) -> None:
    minutes, environment = shifted
    told, monotonic = json.loads(run(environment, "-c", READ_CLOCKS))
    assert told == {way: pytest.approx(time.time() + minutes * 60, abs=60) for way in told}
    assert monotonic == pytest.approx(time.monotonic(), abs=60)


def test_each_way_to_wait_until_a_moment_comes_back_and_no_sooner(shifted: tuple[int, dict[str, str]]) -> None:
    took = json.loads(run(shifted[1], "-m", "tests.unit.faults.ways_to_wait"))
    assert [way for way in WAYS if way not in took] == [], "they hang"
    assert [way for way in took if took[way] < WAIT_S * 0.9] == [], "they do not wait"


def test_librdkafka_gets_its_answers(shifted: tuple[int, dict[str, str]]) -> None:
    assert run(shifted[1], "-c", LIST_TOPICS).split() == ["1"] * 10


def test_a_program_without_its_number_of_seconds_says_so_and_does_not_run(
    shifted: tuple[int, dict[str, str]],
) -> None:
    environment = {**shifted[1], "CLOCK_AHEAD_S": "an hour"}
    done = subprocess.run(["date"], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (127, "")
    assert "CLOCK_AHEAD_S is 'an hour'" in done.stderr


def test_without_a_compiler_the_error_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match=r"install\.sh --tests"), clock_ahead(1):
        pass
