"""Gathers facts about the installation and the state folder. Nothing here judges, and nothing is changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path

import psutil
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from local import secret_store
from local.home import ROOT, home, tools
from pinpipe_cli.doctor.installation import EnvironmentFacts, JarsFacts, ToolsFacts
from pinpipe_cli.doctor.look_machine import command_of, world_of
from pinpipe_cli.doctor.state import AccessFacts, FormatFacts, LeftoverFacts, LogFacts, PathFacts, PidFileFacts

_LOCKS = {".venv": "locks/airflow.lock", ".venv-spark": "locks/spark.lock"}
_DAY_S = 86_400
_KAFKA_FORMAT = "1"  # of meta.properties in KRaft


def environments() -> list[EnvironmentFacts]:
    """Compare the environments with their locks."""
    return [
        EnvironmentFacts(
            name=name,
            python=os.access(ROOT / name / "bin" / "python", os.X_OK),
            wanted=locked(ROOT / lock),
            installed=_installed(ROOT / name),
            finished=_stamp(name) is not None,
            unchanged=_stamp(name) == _digest(ROOT / lock, ROOT / "pyproject.toml"),
        )
        for name, lock in _LOCKS.items()
    ]


def jars() -> list[JarsFacts]:
    """Look at the jars of Kafka and Spark."""
    return [
        JarsFacts(
            name=name,
            count=len(list((tools() / "jars" / name).glob("*.jar"))),
            unchanged=_stamp(f"jars-{name}") == _digest(ROOT / "local" / "jars" / name / "pom.xml"),
            half=(tools() / "jars" / f"{name}.new").exists(),
        )
        for name in ("kafka", "spark")
    ]


def other_tools() -> ToolsFacts:
    """Look at what else the installation leaves."""
    return ToolsFacts(
        installing=is_locked(tools() / "install.lock"),
        archive=(tools() / "jars" / "spark-classes.jsa").is_file(),
    )


def access() -> AccessFacts:
    """Look at who may read the state folder."""
    there = home().exists()
    place = next(path for path in (home(), *home().parents) if path.exists())
    secrets = (
        secret_store.secret_file(),
        home() / "airflow" / "passwords.json",
        home() / "supervisor" / "supervisord.conf",
    )
    paths = [(home(), False), *((path, True) for path in secrets)]
    found = []
    for path, secret in paths:
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            about = path.stat()
            found.append(PathFacts(path, stat.S_IMODE(about.st_mode), about.st_uid, secret))
    return AccessFacts(home(), there, home().is_dir(), os.access(place, os.W_OK | os.X_OK), os.geteuid(), found)


def leftovers(supervised: bool) -> LeftoverFacts:
    """Look for what a killed world leaves.

    :param supervised: whether the world's supervisor answers.
    """
    from local import postgres

    files = [
        pid_file(home() / "supervisor" / "supervisord.pid", "the supervisor"),
        pid_file(postgres.folder() / "data" / "postmaster.pid", "PostgreSQL", blocks=True),
    ]
    return LeftoverFacts(
        supervised=supervised,
        locked=is_locked(Path(f"{home()}.lock")),
        pid_files=[file for file in files if file is not None],
        processes=[] if supervised else list(_processes()),
    )


def pid_file(path: Path, of: str, *, blocks: bool = False) -> PidFileFacts | None:
    """Look at a file whose first line names a process; ``None`` where there is no file.

    :param of: what the process is to be.
    :param blocks: whether the service refuses to start while the named process lives.
    """
    try:
        first = (path.read_text().splitlines() or [""])[0].strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not first.isdigit():
        return PidFileFacts(path, of, None, alive=False, ours=False, blocks=blocks)
    number = int(first)
    try:
        process = psutil.Process(number)
        alive = process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return PidFileFacts(path, of, number, alive=False, ours=False, blocks=blocks)
    command = command_of(process)
    ours = world_of(process) == str(home()) or str(path.parent) in command
    return PidFileFacts(path, of, number, alive, ours, command, blocks)


def formats() -> list[FormatFacts]:
    """Look at what versions have written what is kept."""
    from local import postgres
    from local.databricks.store import VERSION

    found = []
    data = postgres.folder() / "data" / "PG_VERSION"
    with suppress(FileNotFoundError, NotADirectoryError):
        found.append(FormatFacts("PostgreSQL's data", data, data.read_text().strip(), postgres.MAJOR_VERSION))
    jobs = home() / "databricks" / "jobs.sqlite"
    if jobs.exists():
        found.append(FormatFacts("jobs", jobs, _sqlite_version(jobs), str(VERSION)))
    kafka = home() / "kafka" / "data" / "meta.properties"
    with suppress(FileNotFoundError, NotADirectoryError):
        lines = dict(line.split("=", 1) for line in kafka.read_text().splitlines() if "=" in line)
        found.append(FormatFacts("Kafka's log", kafka, lines.get("version", "none"), _KAFKA_FORMAT))
    secrets = secret_store.secret_file()
    with suppress(FileNotFoundError, NotADirectoryError):
        found.append(FormatFacts("secrets", secrets, _json_kind(secrets.read_text()), "a JSON object"))
    return found


def logs() -> LogFacts:
    """Add up the logs of services and tasks."""
    size = last_day = 0
    since = time.time() - _DAY_S
    for folder in (home() / "logs", home() / "airflow" / "logs"):
        for file in folder.rglob("*"):
            with suppress(OSError):
                about = file.lstat()
                if stat.S_ISREG(about.st_mode):
                    size += about.st_size
                    last_day += about.st_size if about.st_mtime > since else 0
    place = next(path for path in (home(), *home().parents) if path.exists())
    return LogFacts(home() / "airflow" / "logs", size, last_day, psutil.disk_usage(str(place)).free)


def locked(lock: Path) -> dict[str, str]:
    """Return the version of each package that a lock names for this machine, by normalized name."""
    found: dict[str, str] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if not line or line[0] in "# -" or line[0].isspace():
            continue
        with suppress(InvalidRequirement):
            asked = Requirement(line.rstrip("\\ ").strip())
            if asked.marker is None or asked.marker.evaluate():
                found[canonicalize_name(asked.name)] = str(asked.specifier).removeprefix("==")
    return found


def is_locked(file: Path) -> bool:
    """Return whether a process holds the lock on a file; where there is no file, nobody does."""
    try:
        handle = os.open(file, os.O_RDONLY)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _installed(environment: Path) -> dict[str, str]:
    folders = [str(folder) for folder in environment.glob("lib/python3.*/site-packages")]
    return {canonicalize_name(found.name): found.version for found in distributions(path=folders)}


def _stamp(name: str) -> str | None:
    """Return what the installation has noted at its end, as ``sha256sum`` writes it."""
    try:
        return (tools() / "stamps" / name).read_text().split()[0]
    except (OSError, IndexError):
        return None


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _processes() -> Iterator[tuple[int, str]]:
    mine = {process.pid for process in psutil.Process().parents()} | {os.getpid()}
    for process in psutil.process_iter():
        if process.pid not in mine and world_of(process) == str(home()):
            yield process.pid, command_of(process)[:60]


def _sqlite_version(file: Path) -> str:
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=2) as database:
            return str(database.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)


def _json_kind(text: str) -> str:
    try:
        return "a JSON object" if isinstance(json.loads(text), dict) else "no JSON object"
    except ValueError:
        return "broken JSON"
