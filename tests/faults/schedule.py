"""A random schedule of kills, drawn from the matrix: the same seed draws the same one."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.faults.matrix import BY_ITSELF, CLEANING, COMMITTING, PAIRS, POSTING, SINKING, STREAMING, Outcome
from tests.faults.victims import WORKER

_SHORTEST_S, _LONGEST_S = 15.0, 45.0
_QUIET_S = 60.0  # at the end: what was killed last gets over it while everything goes on


@dataclass(frozen=True)
class Kill:
    """One kill of a schedule.

    :param at_s: seconds after the beginning, at the earliest: it waits for its moment.
    :param victim: what is killed.
    :param activity: in the midst of which it is killed.
    """

    at_s: float
    victim: str
    activity: str

    def __str__(self) -> str:
        return f"{self.at_s:5.0f} s  {self.victim} while {self.activity}"


def candidates() -> list[tuple[str, str]]:
    """Return the pairs that a soak draws from, in an order of their own.

    Those that the pipeline gets over by itself, so that all else goes on, and ministack, after which the soak has
    provisioned what AWS would not have lost. What is posted comes from the soak itself: no Airflow takes part in it.
    """
    chosen = [
        (victim, activity)
        for (victim, activity), outcome in PAIRS.items()
        if _is_survived(victim, activity, outcome)
        and not (activity in (POSTING, STREAMING) and victim in ("scheduler", "postgres", WORKER))
    ]
    return sorted(chosen)


def _is_survived(victim: str, activity: str, outcome: Outcome) -> bool:
    # With its streams ministack loses what nobody has read yet, which is none of what a soak is about.
    return outcome == BY_ITSELF or (victim == "ministack" and activity in (POSTING, SINKING, CLEANING, COMMITTING))


def draw(seed: int, minutes: float) -> list[Kill]:
    """Return the kills of a soak.

    :param seed: decides them.
    :param minutes: how long the soak goes on.
    """
    random = Random(seed)
    kills: list[Kill] = []
    at_s = random.uniform(_SHORTEST_S, _LONGEST_S)
    while at_s < minutes * 60 - _QUIET_S:
        victim, activity = random.choice(candidates())
        kills.append(Kill(at_s, victim, activity))
        at_s += random.uniform(_SHORTEST_S, _LONGEST_S)
    return kills
