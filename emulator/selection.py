"""Which posts a run takes: post numbers drawn at random with replacement, or one after the other."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from itertools import batched, islice
from random import Random
from typing import Literal, get_args

from emulator.arguments import RefusedArgumentError
from emulator.source import HIGHEST_NUMBER, LOWEST_NUMBER, PostNumbers

log = logging.getLogger(__name__)

Selection = Literal["random", "sequential"]
SEED_BITS = 32

# Each pass over the numbers finds so many draws: enough for nearly every run, and few enough to hold.
DRAWS_PER_PASS = 50_000


def settled_seed(selection: Selection, seed: int | None) -> int | None:
    """Return the seed of a run: where a random choice has none, a new one, which the log names."""
    if seed is None and selection == "random":
        seed = secrets.randbits(SEED_BITS)
        log.info("no seed given: this choice can be repeated with seed %s", seed)
    return seed


def select_numbers(
    numbers: PostNumbers,
    *,
    posts: int,
    selection: Selection = "random",
    seed: int | str | None = None,
    start: int | None = None,
) -> Iterator[int]:
    """Return the post numbers of a run, found as they are asked for.

    :param numbers: all post numbers there are.
    :param posts: how many to take, at least 1.
    :param selection: ``random`` draws each from all numbers, with replacement, as the course's emulators do;
        ``sequential`` takes the numbers from ``start`` on in their order.
    :param seed: of ``random``; the same seed and numbers give the same choice; none: another one each time.
    :param start: of ``sequential``: the first post number wanted, or the next higher one there is; none: the lowest.
    :raises RefusedArgumentError: when an argument is out of its limits or fewer than ``posts`` numbers follow
        ``start``.
    :raises SourceError: when the numbers cannot be read.
    """
    return select_for_days(numbers, posts=posts, selection=selection, seeds=[seed], start=start)


def select_for_days(
    numbers: PostNumbers,
    *,
    posts: int,
    selection: Selection,
    seeds: Sequence[int | str | None],
    start: int | None = None,
) -> Iterator[int]:
    """Return the post numbers of several days, day after day; errors as of :func:`select_numbers`.

    :param posts: how many to take for each day.
    :param seeds: one for each day: of ``random``, a day has the numbers that it would have alone.
    :param start: of ``sequential``: where the first day begins; each goes on where the one before it ended.
    """
    if posts < 1:
        raise RefusedArgumentError(f"posts={posts}: ask for at least 1 post")
    if selection not in get_args(Selection):
        raise RefusedArgumentError(f"selection={selection!r}: choose one of {', '.join(get_args(Selection))}")
    if start is not None and not LOWEST_NUMBER <= start <= HIGHEST_NUMBER:
        raise RefusedArgumentError(f"start={start}: post numbers lie between {LOWEST_NUMBER} and {HIGHEST_NUMBER}")
    if selection == "random":
        return _draw(numbers, numbers.count(), posts, seeds)
    all_posts = posts * len(seeds)
    left = numbers.count(start, at_most=all_posts)
    if left < all_posts:
        each = f" for each of {len(seeds)} days" if len(seeds) > 1 else ""
        begin = next(iter(numbers)) if start is None else start
        raise RefusedArgumentError(
            f"posts={posts}{each} from post number {begin} on: the source has {left} there, and {numbers.count()} in "
            "all. Ask for fewer posts or a lower start"
        )
    return islice(numbers.ascending(start), all_posts)


def _draw(numbers: PostNumbers, many: int, posts: int, seeds: Sequence[int | str | None]) -> Iterator[int]:
    draws = (Random(seed).random for seed in seeds)  # nosec B311 # noqa: S311 - a choice to repeat, not a secret
    drawn = (int(draw() * many) for draw in draws for _ in range(posts))
    for positions in batched(drawn, DRAWS_PER_PASS):
        yield from numbers.at(positions)
