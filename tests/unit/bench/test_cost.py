from __future__ import annotations

import os
import subprocess
import sys
import time

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


def test_a_process_that_ended_within_the_meter_counts_once():
    with Meter(os.getpid()) as meter:
        subprocess.run([sys.executable, "-c", busy(0.6)], check=True)  # long enough to be sampled while it runs
    assert 0.6 <= meter.cost.cpu_s < 1.1


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
