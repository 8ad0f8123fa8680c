"""Judges the machine: Python, Java, its name, memory, cores, disk, open files, the clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pinpipe_airflow.preflight.result import Finding, not_checked, ok, warning, wrong

GIB = 1024**3
MIB = 1024**2

PYTHON = (3, 12)
JAVAS = (17, 21)  # https://spark.apache.org/docs/4.0.0/#downloading
# README: what `make demo` needs. Measured (docs/performance.md): 1.3 GiB at rest, 1.1 to 1.5 GiB for each Spark job, of
# which there are two at times.
MEMORY_BYTES = 6 * GIB
LEAST_MEMORY_BYTES = 4 * GIB
ALL_PROCESSES_BYTES = int(4.5 * GIB)
ONE_SPARK_JOB_BYTES = int(1.5 * GIB)
CORES = 2
STATE_BYTES = 2 * GIB  # with less, `pinpipe up` refuses to start
COMFORTABLE_BYTES = 5 * GIB
INSTALLATION_BYTES = 5 * GIB  # with less, `make install` refuses to begin
OPEN_FILES = 4096  # `minfds` of the supervisor, which does not start with less
# AWS refuses requests whose clock is 15 minutes off, Kafka records that lie an hour ahead.
SKEW_WARNED_S = 60
SKEW_WRONG_S = 300

_TOO_NEW = "the constraints of Airflow's packages resolve on Python 3.12 alone"
_SPARK_JAVA = "Spark 4 and Kafka 4 run on Java 17 and 21"


@dataclass(frozen=True)
class PythonFacts:
    """The interpreter that this command runs in.

    :param version: of it.
    :param executable: its path.
    :param environment: the folder of its packages, as ``sys.prefix`` tells it.
    :param wanted: the folder of the checkout's own environment.
    """

    version: tuple[int, int, int]
    executable: str
    environment: Path
    wanted: Path


@dataclass(frozen=True)
class JavaFacts:
    """The Java that jobs would run with.

    :param home: what ``JAVA_HOME`` says; empty where it says nothing.
    :param at_home: whether there is a program ``bin/java`` there.
    :param on_path: the ``java`` on ``PATH``, ``None`` where there is none.
    :param told: what the one that is taken says its version is; ``None`` where it could not be asked.
    """

    home: str
    at_home: bool
    on_path: str | None
    told: str | None


@dataclass(frozen=True)
class MemoryFacts:
    """Memory in bytes: of the machine, or of the container where that is less."""

    total: int
    available: int
    cores: int
    world_is_up: bool


@dataclass(frozen=True)
class DiskFacts:
    """Room for what is written here.

    :param purpose: what the folder is for.
    :param path: the folder.
    :param free: bytes that may be written.
    :param needed: with less, nothing begins.
    :param comfortable: with less, it will soon be too little.
    :param way_out: how to have it elsewhere.
    """

    purpose: str
    path: Path
    free: int
    needed: int
    comfortable: int
    way_out: str


@dataclass(frozen=True)
class FilesFacts:
    """How many files a process may open: now, and as far as it may raise that itself (-1: without a limit)."""

    soft: int
    hard: int
    is_root: bool


@dataclass(frozen=True)
class NameFacts:
    """The machine's name for itself, and its address; ``None`` where the name has none."""

    name: str
    address: str | None


@dataclass(frozen=True)
class ClockFacts:
    """Seconds by which this machine's clock is ahead of S3's; ``None`` where S3 was not asked, and ``why`` not."""

    ahead_s: float | None
    why: str = ""


def python(facts: PythonFacts) -> Iterator[Finding]:
    """See that the interpreter is the one that the project is made for."""
    version = ".".join(map(str, facts.version))
    if facts.version[:2] != PYTHON:
        yield wrong(
            "Python", f"{version} at {facts.executable}", "`make install` finds or brings Python 3.12", _TOO_NEW
        )
    elif facts.environment.resolve() != facts.wanted.resolve():
        yield warning(
            "Python",
            f"{version} of {facts.environment}",
            f"run {facts.wanted / 'bin' / 'pinpipe'}",
            f"it is not the checkout's own environment, {facts.wanted}: its packages may be of other versions",
        )
    else:
        yield ok("Python", f"{version} of {facts.environment}")


def java(facts: JavaFacts) -> Iterator[Finding]:
    """See that there is a Java that Spark and Kafka take, and that both find the same."""
    if facts.home and not facts.at_home:
        yield wrong(
            "Java",
            f"JAVA_HOME={facts.home} holds no bin/java",
            "`unset JAVA_HOME`, or set it to the folder of Java 17 or 21",
            "Spark takes JAVA_HOME's Java and no other",
        )
        return
    if facts.on_path is None:
        yield wrong(
            "Java",
            "there is none on PATH" + (f", and one in JAVA_HOME={facts.home}" if facts.home else ""),
            f"put {facts.home}/bin on PATH" if facts.home else "`make install` installs Java 17, or do so yourself",
            "`pinpipe up` looks for it on PATH",
        )
        return
    taken = f"{facts.home}/bin/java" if facts.home else facts.on_path
    major = java_major(facts.told or "")
    if major is None:
        yield wrong("Java", f"{taken} does not tell its version: {facts.told}", f"see what `{taken} -version` says")
    elif major not in JAVAS:
        yield wrong(
            "Java", f"{taken} is Java {major}", "put Java 17 or 21 first on PATH, or set JAVA_HOME to it", _SPARK_JAVA
        )
    else:
        yield ok("Java", f"{major} at {taken}")


def java_major(told: str) -> int | None:
    """Return the major version in what ``java -version`` says, ``None`` where there is none.

    :param told: such as ``openjdk version "17.0.12" 2024-07-16``; Java 8 calls itself ``1.8``.
    """
    _, quote, rest = told.partition('version "')
    digits = rest.partition('"')[0].replace("-", ".").split(".")
    if not quote or not digits[0].isdigit():
        return None
    return int(digits[1]) if digits[0] == "1" and len(digits) > 1 and digits[1].isdigit() else int(digits[0])


def own_name(facts: NameFacts) -> Iterator[Finding]:
    """See that the machine knows an address of its own name."""
    if facts.address is None:
        yield wrong(
            "host name",
            f"{facts.name} has no address",
            f"`echo 127.0.1.1 {facts.name} | sudo tee -a /etc/hosts`",
            "Spark asks for it when it starts, and every job fails without one",
        )
    else:
        yield ok("host name", f"{facts.name} is {facts.address}")


def memory(facts: MemoryFacts) -> Iterator[Finding]:
    """See that the world, and Spark jobs in it, fit in."""
    said = f"{_gib(facts.total)} in all, {_gib(facts.available)} available"
    needed = ONE_SPARK_JOB_BYTES if facts.world_is_up else ALL_PROCESSES_BYTES
    # A machine sold with 6 GiB tells a little less.
    if facts.total < LEAST_MEMORY_BYTES:
        yield wrong(
            "memory",
            said,
            "use a machine or a container with 6 GiB",
            f"the world takes 1.3 GiB, each Spark job up to 1.5 GiB more: {_gib(LEAST_MEMORY_BYTES)} are the least",
        )
    elif facts.available < needed:
        yield warning(
            "memory",
            said,
            "end what else runs, or stop the stream (`pinpipe stream stop`)",
            f"{'a Spark job' if facts.world_is_up else 'the world with its Spark jobs'} takes up to {_gib(needed)}: "
            "the kernel may kill one",
        )
    elif facts.total < MEMORY_BYTES * 0.9:
        yield warning(
            "memory",
            said,
            "run one thing at a time: stop the stream (`pinpipe stream stop`) before a backfill",
            "6 GiB are enough for a batch job beside the stream",
        )
    else:
        yield ok("memory", said)


def cores(facts: MemoryFacts) -> Iterator[Finding]:
    """See that there are as many cores as waits are made for."""
    if facts.cores < CORES:
        yield warning(
            "cores",
            f"{facts.cores}",
            "give the machine or the container two",
            "with one, services may not be healthy within the 4 minutes that `pinpipe up` waits",
        )
    else:
        yield ok("cores", f"{facts.cores}")


def disk(facts: Sequence[DiskFacts]) -> Iterator[Finding]:
    """See that there is room for what is written."""
    for one in facts:
        subject = f"disk of {one.purpose}"
        said = f"{_gib(one.free)} free in {one.path}"
        if one.free < one.needed:
            yield wrong(subject, said, one.way_out, f"{_gib(one.needed)} are needed")
        elif one.free < one.comfortable:
            yield warning(subject, said, one.way_out, f"a demo writes about {_gib(one.comfortable)}")
        else:
            yield ok(subject, said)


def open_files(facts: FilesFacts) -> Iterator[Finding]:
    """See that the supervisor may open as many files as it wants."""
    said = f"{_limit(facts.soft)}, which a process may raise to {_limit(facts.hard)}"
    if 0 <= facts.hard < OPEN_FILES and not facts.is_root:
        yield wrong(
            "open files",
            said,
            f"raise the hard limit (`ulimit -Hn {OPEN_FILES}` as root, or /etc/security/limits.conf)",
            f"the supervisor does not start with fewer than {OPEN_FILES}",
        )
    else:
        yield ok("open files", said)


def clock(facts: ClockFacts) -> Iterator[Finding]:
    """See that the clock is S3's."""
    if facts.ahead_s is None:
        yield not_checked("clock", facts.why)
        return
    off = abs(facts.ahead_s)
    said = f"{off:.0f} s {'ahead of' if facts.ahead_s > 0 else 'behind'} S3's"
    why = "AWS refuses requests from 15 minutes, Kafka records from an hour ahead; days are cut by this clock"
    if off >= SKEW_WRONG_S:
        yield wrong("clock", said, "set the clock (`timedatectl set-ntp true`)", why)
    elif off >= SKEW_WARNED_S:
        yield warning("clock", said, "set the clock (`timedatectl set-ntp true`)", why)
    else:
        yield ok("clock", "as S3's, to a minute")


def _gib(count: float) -> str:
    return f"{count / GIB:.1f} GiB"


def _limit(count: int) -> str:
    return "no limit" if count < 0 else f"{count}"
