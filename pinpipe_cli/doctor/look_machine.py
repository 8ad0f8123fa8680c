"""Gathers facts about the machine, its ports and its variables. Nothing here judges, and nothing is changed."""

from __future__ import annotations

import email.utils
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil

from local import ports
from local.home import ROOT, home
from pinpipe_cli.doctor.listening import Listener, PortFacts, PortsFacts
from pinpipe_cli.doctor.machine import (
    COMFORTABLE_BYTES,
    INSTALLATION_BYTES,
    STATE_BYTES,
    ClockFacts,
    DiskFacts,
    FilesFacts,
    JavaFacts,
    MemoryFacts,
    NameFacts,
    PythonFacts,
)
from pinpipe_cli.doctor.variables import VariableFacts

_JAVA_WITHIN_S = 20
_S3_WITHIN_S = 3
_OFFSETS = (1000, 2000, 3000, 4000, 5000, 6000, 7000, 9000)
# Limits of a container; https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
_CGROUP = Path("/sys/fs/cgroup")


def python() -> PythonFacts:
    """Look at the interpreter that runs this."""
    info = sys.version_info
    return PythonFacts((info.major, info.minor, info.micro), sys.executable, Path(sys.prefix), ROOT / ".venv")


def java() -> JavaFacts:
    """Look for Java, and ask the one that would be taken for its version."""
    at = os.environ.get("JAVA_HOME", "")
    at_home = bool(at) and (Path(at) / "bin" / "java").is_file()
    on_path = shutil.which("java")
    taken = str(Path(at) / "bin" / "java") if at_home else on_path
    return JavaFacts(at, at_home, on_path, _java_version(taken) if taken else None)


def own_name() -> NameFacts:
    """Look for the address of the machine's own name, as Java does."""
    name = socket.gethostname()
    try:
        return NameFacts(name, str(socket.getaddrinfo(name, None)[0][4][0]))
    except OSError:
        return NameFacts(name, None)


def memory(world_is_up: bool) -> MemoryFacts:
    """Look at memory and cores, in a container at what it may have.

    :param world_is_up: whether the world is among what takes memory now.
    """
    told = psutil.virtual_memory()
    total, available = told.total, told.available
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if limit is not None and limit < total:
        total, available = limit, min(available, max(0, limit - (used or 0)))
    return MemoryFacts(total, available, len(os.sched_getaffinity(0)), world_is_up)


def disks() -> list[DiskFacts]:
    """Look at the room where the world and the installation write."""
    installed = (ROOT / ".venv-spark" / "bin" / "python").exists()
    needed = 0 if installed else INSTALLATION_BYTES
    found = [
        DiskFacts(
            "the state folder",
            home(),
            _free(home()),
            STATE_BYTES,
            COMFORTABLE_BYTES,
            "make room, or move it: `export PINPIPE_HOME=` a folder on a bigger disk",
        ),
        DiskFacts(
            "the installation", ROOT, _free(ROOT), needed, needed, "make room, or clone the project to another disk"
        ),
    ]
    temporary = Path(tempfile.gettempdir())  # where Spark spills
    found.append(
        DiskFacts("temporary files", temporary, _free(temporary), 2**28, 2**30, "make room, or set TMPDIR elsewhere")
    )
    return found


def open_files() -> FilesFacts:
    """Look at how many files a process may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return FilesFacts(soft, hard, os.geteuid() == 0)


def clock() -> ClockFacts:
    """Ask the local S3 for its time, by the ``Date`` of whatever it answers."""
    asked = urllib.request.Request(ports.url("ministack"), method="HEAD")  # noqa: S310 - http to loopback only
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=_S3_WITHIN_S) as answer:
            told = answer.headers.get("Date")
    except urllib.error.HTTPError as refusal:
        told = refusal.headers.get("Date")
    except OSError:
        return ClockFacts(None, "S3 does not answer: the world is not up")
    now = time.time()
    if not told:
        return ClockFacts(None, "S3 does not tell its time")
    return ClockFacts(now - email.utils.parsedate_to_datetime(told).timestamp())


def listening(supervised: bool) -> PortsFacts:
    """Look at who listens on the world's ports.

    :param supervised: whether the world's supervisor answers.
    """
    listeners = _listeners()
    hidden = Listener(None, "", "")
    found = []
    for service in ports.services():
        number = ports.port(service)
        # Who listens on another address alone is in nobody's way.
        found.append(PortFacts(service, number, None if is_free(number) else listeners.get(number, hidden)))
    return PortsFacts(found, str(home()), supervised, _free_offset())


def variables() -> VariableFacts:
    """Look at the variables, and at what they may be."""
    from include.settings import PREFIX, Settings, SettingsError, settings
    from pinpipe_cli.configuration_page import other_variables

    fault = ""
    try:
        settings.cache_clear()
        settings()
        ports.port("airflow")
    except (SettingsError, ValueError) as error:
        fault = str(error)
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | other_variables()
    return VariableFacts(dict(os.environ), known, fault, _profiles(), str(ROOT))


def is_free(number: int) -> bool:
    """Return whether a port of loopback can be had."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ports.HOST, number))
        except OSError:
            return False
    return True


def world_of(process: psutil.Process) -> str:
    """Return the state folder of the world that a process is of; empty where of none, or hidden."""
    try:
        return str(process.environ().get("PINPIPE_WORLD", ""))
    except psutil.Error:
        return ""


def command_of(process: psutil.Process) -> str:
    """Return what a process was started with; its name where that is hidden."""
    try:
        return " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return ""


def _listeners() -> dict[int, Listener]:
    """Return who listens, by port, as far as this user may know."""
    found: dict[int, Listener] = {}
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return found
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.pid:
            continue
        try:
            process = psutil.Process(connection.pid)
        except psutil.NoSuchProcess:
            continue
        found[connection.laddr.port] = Listener(connection.pid, command_of(process), _world_of_server(process))
    return found


def _world_of_server(process: psutil.Process) -> str:
    """PostgreSQL runs as another user for root; its command names its folder, and so its world."""
    from local import postgres

    return world_of(process) or (str(home()) if str(postgres.folder() / "data") in command_of(process) else "")


def _free_offset() -> int | None:
    base = int(os.environ.get("PINPIPE_PORT_OFFSET", "0"))
    numbers = [ports.port(service) - base for service in ports.services()]
    candidates: Iterator[int] = (offset for offset in _OFFSETS if offset != base)
    return next((offset for offset in candidates if all(is_free(number + offset) for number in numbers)), None)


def _java_version(java: str) -> str:
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=_JAVA_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = (told.stderr or told.stdout).strip().splitlines()
    return next((line for line in lines if 'version "' in line), lines[0] if lines else "nothing")


def _free(path: Path) -> int:
    place = next(parent for parent in (path, *path.parents) if parent.exists())
    return shutil.disk_usage(place).free


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # without a limit it says "max"
        return None


def _profiles() -> set[str]:
    import botocore.session

    return set(botocore.session.Session(profile=None).full_config.get("profiles", {}))
