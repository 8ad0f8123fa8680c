"""Judges the state folder: who may read it, what a killed world has left, what other versions have written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pinpipe_airflow.preflight.result import Finding, ok, warning, wrong

GIB = 1024**3
LOGS_WARNED_BYTES = 2 * GIB
DAYS_OF_LOGS = 7
_DOWN = "`pinpipe down` (or `up`) clears it away"


@dataclass(frozen=True)
class PathFacts:
    """One path of the state folder.

    :param path: of it.
    :param mode: its permissions.
    :param owner: id of the user that owns it.
    :param secret: whether it holds secrets.
    """

    path: Path
    mode: int
    owner: int
    secret: bool


@dataclass(frozen=True)
class AccessFacts:
    """Who may read and write.

    :param home: the state folder.
    :param exists: whether it is there.
    :param is_folder: whether that is a folder.
    :param writable: whether this user may write into it, or, where it is not there, make it.
    :param me: id of this user.
    :param paths: what there is of it.
    """

    home: Path
    exists: bool
    is_folder: bool
    writable: bool
    me: int
    paths: Sequence[PathFacts]


@dataclass(frozen=True)
class PidFileFacts:
    """A file that names a process.

    :param path: of it.
    :param of: what the process is to be.
    :param pid: that it names; ``None`` where it names none.
    :param alive: whether there is such a process.
    :param ours: whether that is of this world.
    :param command: what it was started with; empty where not known.
    :param blocks: whether the service refuses to start while the named process lives.
    """

    path: Path
    of: str
    pid: int | None
    alive: bool
    ours: bool
    command: str = ""
    blocks: bool = False


@dataclass(frozen=True)
class LeftoverFacts:
    """What a world that was killed leaves.

    :param supervised: whether the supervisor of this world answers.
    :param locked: whether a command is starting or stopping the world just now.
    :param pid_files: those that there are.
    :param processes: id and command of processes of this world, other than the supervised ones.
    """

    supervised: bool
    locked: bool
    pid_files: Sequence[PidFileFacts]
    processes: Sequence[tuple[int, str]]


@dataclass(frozen=True)
class FormatFacts:
    """A file whose format depends on the version of a program.

    :param what: that is kept in it.
    :param path: of it.
    :param found: its version, or what is wrong with it.
    :param wanted: the version that the program takes.
    """

    what: str
    path: Path
    found: str
    wanted: str


@dataclass(frozen=True)
class LogFacts:
    """How much logs take.

    :param path: of their folder.
    :param size: of all, in bytes.
    :param last_day: of those files that were written in the last day.
    :param free: on their disk.
    """

    path: Path
    size: int
    last_day: int
    free: int


def access(facts: AccessFacts) -> Iterator[Finding]:
    """See that the owner, and nobody else, may read the state and its secrets."""
    if facts.exists and not facts.is_folder:
        yield wrong("state folder", f"{facts.home} is a file", "`export PINPIPE_HOME=` a folder of yours")
        return
    if not facts.writable:
        yield wrong(
            "state folder",
            f"{facts.home} may not be written by this user",
            "`export PINPIPE_HOME=` a folder of yours, or have its owner changed (`chown`)",
        )
    if not facts.exists:
        if facts.writable:
            yield ok("state folder", f"{facts.home} is not there yet: `pinpipe up` makes it")
        return
    bad = False
    for one in facts.paths:
        open_to = f"{one.mode & 0o777:04o}"
        if one.owner != facts.me and facts.me != 0:
            bad = True
            yield wrong(
                f"{one.path}",
                f"belongs to user {one.owner}, you are {facts.me}",
                f"sudo chown -R {facts.me} {one.path}",
            )
        elif one.mode & 0o077 and one.secret:
            bad = True
            yield wrong(
                f"{one.path}",
                f"mode {open_to}",
                f"chmod 600 {one.path}",
                "others on this machine may read its passwords",
            )
        elif one.mode & 0o077:
            bad = True
            yield warning(
                f"{one.path}", f"mode {open_to}", f"chmod 700 {one.path}", "others on this machine may read its data"
            )
    if facts.writable and not bad:
        yield ok("state folder", f"{facts.home}, for its owner alone")


def leftovers(facts: LeftoverFacts) -> Iterator[Finding]:
    """See that nothing of a killed world stands in the way."""
    clean = True
    if facts.locked:
        clean = False
        yield warning(
            "world's lock",
            "a command is starting or stopping the world just now",
            "wait for it to end, then look again",
        )
    for file in facts.pid_files:
        found = _stale(file, facts)
        if found:
            clean = False
            yield found
    if facts.processes and not facts.supervised and not facts.locked:
        clean = False
        named = ", ".join(f"{pid} ({command})" for pid, command in facts.processes[:3])
        more = f" and {len(facts.processes) - 3} more" if len(facts.processes) > 3 else ""
        yield warning(
            "processes left over",
            f"{named}{more} of this world run without its supervisor",
            "`pinpipe down` ends them",
            "nobody starts them again when they die, and they hold ports and files",
        )
    if clean:
        yield ok("leftovers", "none of a killed world")


def _stale(file: PidFileFacts, facts: LeftoverFacts) -> Finding | None:
    subject = f"pid file of {file.of}"
    if file.pid is None:
        return warning(subject, f"{file.path} names no process", f"rm {file.path}, while the world is down")
    if file.alive and file.ours:
        return None  # that is told of its processes
    if not file.alive:
        return warning(
            subject,
            f"{file.path} names process {file.pid}, which has ended",
            f"nothing needs to be done: {_DOWN}",
            f"{file.of} was killed; what it keeps is recovered at the next start",
        )
    found = f"{file.path} names process {file.pid}, which is something else now: {file.command or 'hidden'}"
    if file.blocks:
        return wrong(subject, found, f"rm {file.path}", f"{file.of} does not start while such a process lives")
    return warning(subject, found, f"nothing needs to be done: {_DOWN}")


def formats(facts: Sequence[FormatFacts]) -> Iterator[Finding]:
    """See that what is kept was written by versions that the programs of today read."""
    good = []
    for one in facts:
        if one.found == one.wanted:
            good.append(f"{one.what} {one.found}")
        else:
            yield wrong(
                f"format of {one.what}",
                f"{one.path}: {one.found}, this version takes {one.wanted}",
                "go back to the version that wrote it, or `pinpipe reset` (forgets all data)",
                "the service does not start with it",
            )
    if good:
        yield ok("formats", ", ".join(good))


def logs(facts: LogFacts) -> Iterator[Finding]:
    """See that logs do not fill the disk."""
    said = f"{_size(facts.size)} in {facts.path}, {_size(facts.last_day)} of it in files of the last day"
    clear = f"remove old ones: find {facts.path} -type f -mtime +{DAYS_OF_LOGS} -delete"
    if facts.last_day * DAYS_OF_LOGS > facts.free:
        yield warning("logs", said, clear, f"at this rate the disk ({_size(facts.free)} free) is full within a week")
    elif facts.size > LOGS_WARNED_BYTES:
        yield warning("logs", said, clear, "Airflow keeps the log of each task for good")
    else:
        yield ok("logs", said)


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 1024**2:.0f} MiB"
