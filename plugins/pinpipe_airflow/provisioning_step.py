"""One thing that an operator does to make something as declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """Something that is to be done.

    An operator yields its steps one by one and looks again after each, so that the same code says what would be done
    and does it.

    :param text: what it is; in a plan it begins with ``create`` or ``change``, which an operator of one thing adds.
    :param do: does it.
    """

    text: str
    do: Callable[[], Any]


def planned(steps: Iterable[Step]) -> list[str]:
    """Return what would be done, and do nothing."""
    return [step.text for step in steps]


def done(steps: Iterable[Step], log: Any, of: str = "Done") -> list[str]:
    """Do everything, and return what was done.

    :param log: where each is told of.
    :param of: what is told before it.
    """
    actions = []
    for step in steps:
        step.do()
        log.info("%s: %s", of, step.text)
        actions.append(step.text)
    return actions
