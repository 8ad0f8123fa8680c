"""In which order task groups run, of which some are not made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def in_order(*steps: Any) -> None:
    """Have each step run after the one before it.

    :param steps: tasks, task groups, or lists of them; ``None`` and empty lists are left out, so that the next step
        follows on the one before.
    """
    made = [step for step in map(_made, steps) if step]
    for i, before in enumerate(made[:-1]):
        for one in before:
            for next_one in made[i + 1]:
                one >> next_one


def _made(step: Any) -> Sequence[Any]:
    parts = step if isinstance(step, (list, tuple)) else [step]
    return [part for part in parts if part is not None]
