from __future__ import annotations

import os
import sys
import time

import psutil
import pytest

from bench.cleaning_engines.process import Engine

ANSWERING = """
import sys, time
for line in sys.stdin:
    began = time.process_time()
    while time.process_time() < began + 0.3: pass
    print('{"read": 3}', flush=True)
"""
CHILD_THAT_STAYS = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
open(sys.argv[1], "w").write(str(child.pid))
"""


@pytest.fixture
def engine(tmp_path):
    def made(code, *arguments, timeout_s=60.0):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return Engine(command, dict(os.environ), tmp_path / "duckdb.log", timeout_s)

    return made


def test_each_cleaning_costs_what_it_took_and_the_first_one_the_start_too(engine):
    with engine("sum(range(5_000_000))" + ANSWERING) as running:
        (counts, cold), (_, warm) = running.clean(), running.clean()
    assert counts == {"read": 3}
    assert 0.3 <= warm.cpu_s + 0.02 < cold.cpu_s < 2  # 20 ms: two ticks of the kernel's clock


def test_an_engine_that_does_not_answer_is_named_and_killed_with_what_it_started(engine, tmp_path):
    code = CHILD_THAT_STAYS + "sys.stderr.write('reading'); sys.stderr.flush(); sys.stdin.read()"
    began = time.monotonic()
    with (
        pytest.raises(TimeoutError, match=r"did not answer in 1 s and is killed; its log .*duckdb\.log ends: reading"),
        engine(code, tmp_path / "pid", timeout_s=1) as running,
    ):
        running.clean()
    assert time.monotonic() - began < 10
    assert goes(int((tmp_path / "pid").read_text()))


def test_an_engine_that_ends_without_an_answer_says_its_last_words(engine):
    with (
        pytest.raises(RuntimeError, match=r"ended without an answer; its log .* ends: out of memory"),
        engine("import sys; sys.exit('out of memory')") as running,
    ):
        running.clean()


def test_an_error_of_the_benchmark_is_not_hidden_by_an_engine_that_does_not_end(engine, tmp_path):
    code = CHILD_THAT_STAYS + ANSWERING + "time.sleep(300)"
    with pytest.raises(ZeroDivisionError), engine(code, tmp_path / "pid") as running:
        running.clean()
        raise ZeroDivisionError
    assert goes(int((tmp_path / "pid").read_text()))


def goes(pid):
    """Return whether the process is gone, or goes in a moment."""
    try:
        process = psutil.Process(pid)
        deadline = time.monotonic() + 5
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        pass
    return True
