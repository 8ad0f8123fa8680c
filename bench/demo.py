"""``make demo`` as a user meets it: in a checkout that is installed, and in a fresh clone with empty package caches."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.cost import kill_tree
from bench.figure import Figure
from bench.plan import ROOT, Plan

_TIMEOUT_S = 1800


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield the seconds of both, of the first alone when it is to be quick.

    The benchmarks' world is stopped before; what was made is removed afterwards.
    """
    plan.stop_world()
    environment = {**plan.environment, "PINPIPE_HOME": str(plan.demo_home)}
    del environment["PINPIPE_STREAM_WISH"]  # a user's stream runs
    yield _demo("warm: environments installed, world from nothing", ROOT, environment)
    if plan.quick:
        return
    clone, caches = plan.folder / "clone", plan.folder / "caches"
    shutil.rmtree(clone, ignore_errors=True)
    shutil.rmtree(caches, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, timeout=_TIMEOUT_S)
    environment |= {
        "UV_CACHE_DIR": str(caches / "uv"),
        "PIP_CACHE_DIR": str(caches / "pip"),
        "MAVEN_OPTS": f"{os.environ.get('MAVEN_OPTS', '')} -Dmaven.repo.local={caches / 'maven'}".strip(),
    }
    try:
        yield _demo("bare: a fresh clone of HEAD, empty package caches, Java and Maven there", clone, environment)
    finally:
        if not plan.demo_home.exists():  # services that could not be stopped run from the clone
            shutil.rmtree(clone, ignore_errors=True)
            shutil.rmtree(caches, ignore_errors=True)


def _demo(case: str, checkout: Path, environment: Mapping[str, str]) -> Figure:
    """Run the demo and reset its world; the detail holds the seconds of each of its steps."""
    try:
        took, steps = timed(["make", "demo"], checkout, environment)
    finally:
        if (checkout / ".venv/bin/pinpipe").exists():
            reset(checkout, environment)
    return Figure("demo", case, "`make demo`", took, "s", detail={"steps_s": steps})


def reset(checkout: Path, environment: Mapping[str, str]) -> None:
    """Stop the demo's world and forget it.

    :raises RuntimeError: when that fails, with the end of what it said: its services may still run.
    """
    done = subprocess.run(
        ["make", "reset"], cwd=checkout, env=environment, timeout=_TIMEOUT_S, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(
            f"`make reset` in {checkout} ended with {done.returncode}, so services of {environment['PINPIPE_HOME']} "
            f"may still run (`.venv/bin/python -m bench --clean` tries again): {(done.stdout + done.stderr)[-3000:]}"
        )


def timed(command: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[float, dict[str, float]]:
    """Run a command and return its seconds, and those of each step that it announces by a line ``== <step>``.

    :raises RuntimeError: when it failed or did not end in half an hour, with the end of what it said.
    """
    began = time.perf_counter()
    steps: dict[str, float] = {}
    step, since, said = "install", began, []
    with subprocess.Popen(
        command, cwd=folder, env=dict(environment), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        watchdog = threading.Timer(_TIMEOUT_S, kill_tree, [process.pid])
        watchdog.start()
        try:
            for line in process.stdout or ():
                said.append(line)
                if line.startswith("== "):
                    now = time.perf_counter()
                    steps[step] = round(now - since, 1)
                    step, since = line.removeprefix("== ").strip(), now
        except BaseException:
            kill_tree(process.pid)
            raise
        finally:
            watchdog.cancel()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} in {folder} ended with {process.returncode}: {''.join(said)[-3000:]}")
    return time.perf_counter() - began, steps
