from collections import Counter
from itertools import islice
from random import Random

import pytest

from emulator import selection as emulator_selection
from emulator.arguments import RefusedArgumentError
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.post import Post
from emulator.selection import select_numbers
from emulator.source import read_numbers

NUMBERS = [3, 5, 9, 1_000_000_007]


@pytest.fixture
def numbers(engine):
    """The numbers of a source with four posts."""
    (one,) = generate_posts(1, seed=1)
    load_posts(engine, [Post(number, None, None, {**one.user, "ind": number}) for number in NUMBERS])
    return read_numbers(engine)


def test_random_draws_from_all_numbers_the_first_and_last_too_with_replacement(numbers):
    drawn = Counter(select_numbers(numbers, posts=4000, seed=1))
    assert set(drawn) == set(NUMBERS)
    assert all(many == pytest.approx(1000, rel=0.15) for many in drawn.values())


def test_the_same_seed_draws_the_same_numbers_another_seed_others(source):
    numbers = read_numbers(source)
    first = list(select_numbers(numbers, posts=100, seed=5))
    assert list(select_numbers(numbers, posts=100, seed=5)) == first
    assert list(select_numbers(numbers, posts=100, seed=6)) != first


def test_a_choice_is_that_of_all_numbers_in_a_row_however_many_passes_find_it(source, monkeypatch):
    numbers = read_numbers(source)
    row, draw = list(numbers), Random(5).random
    expected = [row[int(draw() * len(row))] for _ in range(1000)]
    assert list(select_numbers(numbers, posts=1000, seed=5)) == expected
    monkeypatch.setattr(emulator_selection, "DRAWS_PER_PASS", 64)
    assert list(select_numbers(numbers, posts=1000, seed=5)) == expected
    assert list(islice(select_numbers(numbers, posts=1_000_000, seed=5), 1000)) == expected


def test_sequential_goes_on_from_start_in_the_order_of_the_numbers(numbers):
    assert list(select_numbers(numbers, posts=2, selection="sequential", start=5)) == [5, 9]


def test_a_start_between_two_numbers_means_the_next_one(numbers):
    assert list(select_numbers(numbers, posts=2, selection="sequential", start=6)) == [9, 1_000_000_007]


def test_sequential_without_start_begins_at_the_lowest(numbers):
    assert list(select_numbers(numbers, posts=4, selection="sequential")) == NUMBERS


def test_more_posts_than_follow_the_start_are_refused_with_how_many_there_are(numbers):
    with pytest.raises(ValueError, match=r"posts=3 from post number 9 on: the source has 2 there, and 4 in all"):
        select_numbers(numbers, posts=3, selection="sequential", start=9)


@pytest.mark.parametrize("start", [2**63, -(2**63) - 1, 10**30])
def test_a_start_that_no_post_number_can_be_is_refused(numbers, start):
    with pytest.raises(RefusedArgumentError, match=f"start={start}: post numbers lie between -9223372036854775808 and"):
        select_numbers(numbers, posts=1, selection="sequential", start=start)


def test_a_start_may_be_negative(numbers):
    assert list(select_numbers(numbers, posts=1, selection="sequential", start=-(2**63))) == [3]


@pytest.mark.parametrize("posts", [0, -5])
def test_no_posts_are_refused(numbers, posts):
    with pytest.raises(ValueError, match=f"posts={posts}: ask for at least 1"):
        select_numbers(numbers, posts=posts)


def test_an_unknown_selection_is_refused_with_those_there_are(numbers):
    with pytest.raises(ValueError, match="selection='newest': choose one of random, sequential"):
        select_numbers(numbers, posts=1, selection="newest")
