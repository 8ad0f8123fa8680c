"""Which posts a run takes: post numbers drawn at random with replacement, or one after the other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from typing import Literal, get_args

Selection = Literal["random", "sequential"]


def select_numbers(
    numbers: Sequence[int],
    *,
    posts: int,
    selection: Selection = "random",
    seed: int | str | None = None,
    start: int | None = None,
) -> Iterator[int]:
    """Return the post numbers of a run.

    :param numbers: all post numbers there are, ascending.
    :param posts: how many to take, at least 1.
    :param selection: ``random`` draws each from all numbers, with replacement, as the course's emulators do;
        ``sequential`` takes the numbers from ``start`` on in their order.
    :param seed: of ``random``; the same seed and numbers give the same choice; none: another one each time.
    :param start: of ``sequential``: the first post number wanted, or the next higher one there is; none: the lowest.
    :raises ValueError: when an argument is out of its limits or fewer than ``posts`` numbers follow ``start``.
    """
    if posts < 1:
        raise ValueError(f"posts={posts}: ask for at least 1 post")
    if selection not in get_args(Selection):
        raise ValueError(f"selection={selection!r}: choose one of {', '.join(get_args(Selection))}")
    if not numbers:
        raise ValueError("there are no posts to choose from: fill the source database first")
    if selection == "random":
        return _draw(numbers, posts, seed)
    first = bisect_left(numbers, start) if start is not None else 0
    left = len(numbers) - first
    if left < posts:
        raise ValueError(
            f"posts={posts} from post number {numbers[0] if start is None else start} on: the source has {left} there, "
            f"its numbers run from {numbers[0]} to {numbers[-1]}. Ask for fewer posts or a lower start"
        )
    return islice(numbers, first, first + posts)


def _draw(numbers: Sequence[int], posts: int, seed: int | str | None) -> Iterator[int]:
    draw = Random(seed).random  # noqa: S311 - a choice to repeat, not a secret
    many = len(numbers)
    return (numbers[int(draw() * many)] for _ in range(posts))
