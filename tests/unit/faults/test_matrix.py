from __future__ import annotations

from itertools import product

import pytest

from tests.faults.matrix import ACTIVITIES, PAIRS, SENSELESS, WORST
from tests.faults.schedule import Kill, candidates, draw
from tests.faults.victims import VICTIMS


def test_every_component_in_every_activity_leads_somewhere_or_makes_no_sense_for_a_reason() -> None:
    assert PAIRS.keys() | SENSELESS.keys() == set(product(VICTIMS, ACTIVITIES))
    assert not PAIRS.keys() & SENSELESS.keys()
    assert all(SENSELESS.values())


def test_whatever_may_fail_is_to_say_why() -> None:
    assert all(outcome.by_itself or outcome.reason for outcome in PAIRS.values())


def test_each_component_has_a_worst_moment_that_is_one_of_the_pairs() -> None:
    assert WORST.keys() == set(VICTIMS)
    assert all((victim, activity) in PAIRS for victim, activity in WORST.items())


def test_the_same_seed_draws_the_same_schedule_and_another_one_another() -> None:
    assert draw(7, 30) == draw(7, 30)
    assert draw(7, 30) != draw(8, 30)


def test_a_schedule_is_drawn_from_the_matrix_in_order_and_leaves_time_at_its_end() -> None:
    kills = draw(3, 60)
    assert len(kills) > 60
    assert [kill.at_s for kill in kills] == sorted(kill.at_s for kill in kills)
    assert kills[-1].at_s < 59 * 60
    assert {(kill.victim, kill.activity) for kill in kills} <= PAIRS.keys()


def test_a_long_soak_draws_every_pair_that_the_pipeline_gets_over() -> None:
    drawn = {(kill.victim, kill.activity) for kill in draw(1, 24 * 60)}
    assert drawn == set(candidates())
    assert {victim for victim, _ in drawn} == set(VICTIMS)
    assert {activity for _, activity in drawn} == set(ACTIVITIES)
    assert ("ministack", "streaming") not in drawn


@pytest.mark.parametrize("minutes", [0.0, 1.0])
def test_a_soak_that_is_too_short_for_a_kill_has_none(minutes: float) -> None:
    assert draw(1, minutes) == []


def test_a_kill_reads_as_a_line() -> None:
    assert str(Kill(12.4, "sink", "sinking")) == "   12 s  sink while sinking"
