from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from bench.cost import Meter, cpu_s, memory_mib, run_metered

BUSY = "import time\nwhile time.process_time() < {seconds}: pass\n"
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"


def busy(seconds):
    return BUSY.format(seconds=seconds)


def test_a_command_costs_what_its_children_cost_too(tmp_path):
    said, cost = run_metered(
        [sys.executable, "-c", PARENT, busy(0.5) + "print('done')"],
        environment=os.environ,
        folder=tmp_path,
        timeout_s=60,
    )
    assert said == "done\n"
    assert 0.5 <= cost.cpu_s < 2
    assert cost.wall_s >= 0.5
    assert cost.peak_mib > 1


def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"ended with 1: .*no such thing"):
        run_metered(
            [sys.executable, "-c", "import sys; sys.exit('no such thing')"],
            environment=os.environ,
            folder=tmp_path,
            timeout_s=60,
        )


def test_a_command_that_does_not_end_is_killed(tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        run_metered(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            environment=os.environ,
            folder=tmp_path,
            timeout_s=0.3,
        )


def test_a_meter_counts_only_what_happens_within_it():
    began = time.process_time()
    while time.process_time() - began < 0.3:
        pass
    with Meter(os.getpid()) as meter:
        time.sleep(0.1)
    assert meter.cost.cpu_s < 0.25


def test_what_the_measuring_takes_does_not_count():
    with idle_child(300 * 2**20), Meter(os.getpid()) as meter:
        time.sleep(2)
    assert meter.cost.cpu_s < 0.05
    assert meter.cost.peak_mib > 300


def test_memory_is_asked_for_less_often_where_that_takes_long(monkeypatch):
    asked = []
    with Meter() as meter:
        monkeypatch.setattr(meter, "_sample_memory", lambda: (asked.append(1), time.sleep(0.05)))
        time.sleep(1.5)
    assert 1 <= len(asked) <= 3  # 50 ms is 2 % of 2.5 s; the last one at the end


def test_a_short_child_costs_what_it_took(tmp_path):
    _, cost = run_metered([sys.executable, "-c", busy(0.05)], environment=os.environ, folder=tmp_path, timeout_s=60)
    assert 0.045 <= cost.cpu_s < 0.5  # with the interpreter's start


def test_a_child_that_starts_within_the_meter_counts_from_its_start_and_this_process_not_at_all():
    with Meter() as meter, subprocess.Popen([sys.executable, "-c", busy(0.5)]) as child:
        meter.add(child.pid)
        own = time.process_time()
        while time.process_time() < own + 0.4:
            pass
    assert 0.45 <= meter.cost.cpu_s < 0.85  # this process took 0.4 beside it


def test_a_process_that_ended_within_the_meter_counts_once():
    with Meter(os.getpid()) as meter:
        subprocess.run([sys.executable, "-c", busy(0.6)], check=True)  # long enough to be sampled while it runs
    assert 0.55 <= meter.cost.cpu_s < 1.1


@contextmanager
def idle_child(held_bytes):
    command = [sys.executable, "-c", f"held = bytearray({held_bytes}); print('ready', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.communicate("\n")


def test_the_cpu_and_memory_of_a_process_hold_those_of_its_children():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, "held = bytearray(60 * 2**20); print('ready', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        assert memory_mib(process.pid) > 60
        assert cpu_s(process.pid) > 0
        process.communicate("\n")
