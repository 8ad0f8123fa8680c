"""Judges what ``make install`` brings: environments, jars, tools, and whether it has come to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pinpipe_airflow.preflight.result import Finding, ok, warning, wrong

_INSTALL = "`make install`"
_SHOWN = 4


@dataclass(frozen=True)
class EnvironmentFacts:
    """A Python environment.

    :param name: its folder in the checkout.
    :param python: whether its interpreter is there.
    :param wanted: version of each package, as the lock says; by normalized name.
    :param installed: version of each package that is there, likewise.
    :param finished: whether its installation has come to its end.
    :param unchanged: whether that was from the lock as it is now.
    """

    name: str
    python: bool
    wanted: Mapping[str, str]
    installed: Mapping[str, str]
    finished: bool
    unchanged: bool


@dataclass(frozen=True)
class JarsFacts:
    """The jars of Kafka or of Spark.

    :param name: ``kafka`` or ``spark``.
    :param count: how many there are.
    :param unchanged: whether they are of the pom as it is now.
    :param half: whether there is a half-fetched folder beside them.
    """

    name: str
    count: int
    unchanged: bool
    half: bool


@dataclass(frozen=True)
class ToolsFacts:
    """What else the installation leaves.

    :param installing: whether an installation is at work.
    :param archive: whether there is an archive of Spark's classes.
    """

    installing: bool
    archive: bool


def environments(facts: Sequence[EnvironmentFacts]) -> Iterator[Finding]:
    """See that each environment has what its lock says."""
    for one in facts:
        missing = sorted(set(one.wanted) - set(one.installed))
        other = sorted(name for name in one.wanted if one.installed.get(name, one.wanted[name]) != one.wanted[name])
        said = f"{len(one.wanted)} packages as locked"
        if not one.python:
            yield wrong(one.name, "there is no Python in it", _INSTALL, "the installation has not come so far")
        elif missing:
            named = _some(missing, len(missing))
            yield wrong(one.name, f"{named} missing", _INSTALL, "the installation has not come to its end")
        elif other:
            named = _some([f"{name} {one.installed[name]} (locked: {one.wanted[name]})" for name in other], len(other))
            yield warning(one.name, named, _INSTALL, "it is tested with the locked versions")
        elif not one.finished:
            yield warning(one.name, f"{said}, and the installation has not noted its end", _INSTALL)
        elif not one.unchanged:
            yield warning(one.name, "its lock or pyproject.toml has changed since it was installed", _INSTALL)
        else:
            yield ok(one.name, said)


def jars(facts: Sequence[JarsFacts]) -> Iterator[Finding]:
    """See that Kafka and Spark have their jars."""
    for one in facts:
        subject = f"jars for {one.name}"
        if not one.count:
            half = ", only a half-fetched folder" if one.half else ""
            yield wrong(subject, f"there are none{half}", _INSTALL, f"{one.name} does not start without them")
        elif one.half:
            yield warning(
                subject, "a half-fetched folder lies beside them", _INSTALL, "the last installation was cut off"
            )
        elif not one.unchanged:
            yield warning(subject, "their pom has changed since they were fetched", _INSTALL)
        else:
            yield ok(subject, f"{one.count}")


def tools(facts: ToolsFacts) -> Iterator[Finding]:
    """See that no installation is at work, and that jobs start fast."""
    if facts.installing:
        yield warning(
            "installation", "one is at work in this checkout", "wait for it", "what it brings is not all there"
        )
    if facts.archive:
        yield ok("archive of Spark's classes", "it is there")
    else:
        yield warning(
            "archive of Spark's classes",
            "there is none",
            _INSTALL,
            "each Spark job starts some seconds later without it",
        )


def _some(named: Sequence[str], count: int) -> str:
    more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more
