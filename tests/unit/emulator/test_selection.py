from array import array
from collections import Counter

import pytest

from emulator.selection import select_numbers

NUMBERS = array("q", [3, 5, 9, 1_000_000_007])


def test_random_draws_from_all_numbers_the_first_and_last_too_with_replacement():
    drawn = Counter(select_numbers(NUMBERS, posts=4000, seed=1))
    assert set(drawn) == set(NUMBERS)
    assert all(many == pytest.approx(1000, rel=0.15) for many in drawn.values())


def test_the_same_seed_draws_the_same_numbers_another_seed_others():
    numbers = range(10_000)
    first = list(select_numbers(numbers, posts=100, seed=5))
    assert list(select_numbers(numbers, posts=100, seed=5)) == first
    assert list(select_numbers(numbers, posts=100, seed=6)) != first


def test_sequential_goes_on_from_start_in_the_order_of_the_numbers():
    assert list(select_numbers(NUMBERS, posts=2, selection="sequential", start=5)) == [5, 9]


def test_a_start_between_two_numbers_means_the_next_one():
    assert list(select_numbers(NUMBERS, posts=2, selection="sequential", start=6)) == [9, 1_000_000_007]


def test_sequential_without_start_begins_at_the_lowest():
    assert list(select_numbers(NUMBERS, posts=4, selection="sequential")) == list(NUMBERS)


def test_more_posts_than_follow_the_start_are_refused_with_how_many_there_are():
    with pytest.raises(ValueError, match=r"posts=3 from post number 9 on: the source has 2 there, .* 3 to 1000000007"):
        select_numbers(NUMBERS, posts=3, selection="sequential", start=9)


@pytest.mark.parametrize("posts", [0, -5])
def test_no_posts_are_refused(posts):
    with pytest.raises(ValueError, match=f"posts={posts}: ask for at least 1"):
        select_numbers(NUMBERS, posts=posts)


def test_an_unknown_selection_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match="selection='newest': choose one of random, sequential"):
        select_numbers(NUMBERS, posts=1, selection="newest")
