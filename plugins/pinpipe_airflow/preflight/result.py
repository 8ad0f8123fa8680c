"""What a check has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.settings import Settings


class Outcome(StrEnum):
    """How a check has ended, from the worst to the best."""

    WRONG = "wrong"
    WARNING = "warning"
    NOT_CHECKED = "not checked"
    OK = "ok"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :param subject: what was looked at, such as ``connection kafka_default``.
    :param outcome: how it is.
    :param found: what was found, without secrets.
    :param way_out: what to do about it; empty where nothing.
    :param why: why it matters, where what was found does not say it.
    :param only_for_changes: whether only changes come to grief by it, so that a plan is made all the same.
    """

    subject: str
    outcome: Outcome
    found: str
    way_out: str = ""
    why: str = ""
    only_for_changes: bool = False

    def as_dict(self) -> dict[str, str]:
        """Return it as plain texts, for XCom and JSON; without ``why`` where there is none."""
        texts = {name: str(value) for name, value in asdict(self).items() if name != "only_for_changes"}
        return texts if self.why else {name: text for name, text in texts.items() if name != "why"}


@dataclass(frozen=True)
class Check:
    """A look at one topic.

    :param subject: what it is about, should it not come to a finding.
    :param look: looks, changes nothing, and returns what it has found; an exception is a finding too.
    :param timeout_s: seconds after which it is given up.
    """

    subject: str
    look: Callable[[Settings], Iterable[Finding]]
    timeout_s: float = 30


def ok(subject: str, found: str) -> Finding:
    """Return that all is well."""
    return Finding(subject, Outcome.OK, found)


def warning(subject: str, found: str, way_out: str, why: str = "") -> Finding:
    """Return that something works and should be otherwise."""
    return Finding(subject, Outcome.WARNING, found, way_out, why)


def wrong(subject: str, found: str, way_out: str, why: str = "") -> Finding:
    """Return that something does not work."""
    return Finding(subject, Outcome.WRONG, found, way_out, why)


def not_checked(subject: str, why: str, way_out: str = "") -> Finding:
    """Return that nobody knows."""
    return Finding(subject, Outcome.NOT_CHECKED, why, way_out)
