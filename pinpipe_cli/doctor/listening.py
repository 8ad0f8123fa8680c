"""Judges the ports that the world wants: free, its own, or somebody else's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pinpipe_airflow.preflight.result import Finding, ok, warning, wrong


@dataclass(frozen=True)
class Listener:
    """Who listens on a port.

    :param pid: the process, ``None`` where it is hidden from this user.
    :param command: what it was started with; empty where hidden.
    :param world: state folder of the world that it is of; empty where of none.
    """

    pid: int | None
    command: str
    world: str


@dataclass(frozen=True)
class PortFacts:
    """One port.

    :param service: what is to listen there.
    :param number: the port.
    :param listener: who does; ``None`` where nobody.
    """

    service: str
    number: int
    listener: Listener | None


@dataclass(frozen=True)
class PortsFacts:
    """All ports of the world.

    :param home: its state folder.
    :param supervised: whether its supervisor answers.
    :param free_offset: an offset with which all ports are free; ``None`` where none was found.
    """

    ports: Sequence[PortFacts]
    home: str
    supervised: bool
    free_offset: int | None


_LONGEST_COMMAND = 80


def ports(facts: PortsFacts) -> Iterator[Finding]:
    """See that every port is free, or the world's own."""
    mine, free, left = [], [], []
    for port in facts.ports:
        who = port.listener
        if who is None:
            free.append(port)
        elif who.world == facts.home and not facts.supervised:
            left.append(port)
        elif who.world == facts.home:
            mine.append(port)
        else:
            yield _taken(port, who, facts)
    if left:
        yield warning(
            "ports",
            f"{_named(left)}: processes of this world listen, and no supervisor holds them",
            "`pinpipe down` ends them (`pinpipe up` does so, too)",
            "they were left when the supervisor was killed",
        )
    if mine:
        yield ok("ports", f"{_named(mine)}: this world's own")
    if free:
        yield ok("ports", f"{_named(free)}: free")


def _taken(port: PortFacts, who: Listener, facts: PortsFacts) -> Finding:
    offset = "" if facts.free_offset is None else f", or `export PINPIPE_PORT_OFFSET={facts.free_offset}`"
    subject = f"port {port.number}"
    why = f"{port.service} is to listen there: `pinpipe up` refuses to start without it"
    if who.world:
        found = f"taken by the world in {who.world} (pid {who.pid})"
        return wrong(subject, found, f"stop it (`PINPIPE_HOME={who.world} pinpipe down`){offset}", why)
    if who.pid is None:
        found = "taken by a process that is hidden from this user"
        return wrong(subject, found, f"`sudo ss -ltnp sport = :{port.number}` names it: stop it{offset}", why)
    command = who.command if len(who.command) <= _LONGEST_COMMAND else who.command[:_LONGEST_COMMAND] + "…"
    return wrong(subject, f"taken by pid {who.pid}: {command}", f"stop it{offset}", why)


def _named(those: Sequence[PortFacts]) -> str:
    return ", ".join(f"{port.number} ({port.service})" for port in those)
