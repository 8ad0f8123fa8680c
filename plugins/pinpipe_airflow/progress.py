"""How far something has come that AWS takes minutes for."""

from __future__ import annotations

from dataclasses import dataclass

DONE, FAILED, TIMEOUT = "done", "failed", "timeout"
"""How a wait has ended."""


@dataclass(frozen=True)
class Progress:
    """A look at something that is waited for.

    :param state: how it is, in AWS' words.
    :param done: whether it is as waited for.
    :param failed: whether it will never be.
    """

    state: str
    done: bool = False
    failed: bool = False
