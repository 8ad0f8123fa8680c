"""From which post on a run can be taken up again without loss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from emulator.post import Post
from include.schema import DATASETS


class ResumePoint:
    """Follows the posts of a sequential run until all of their records are accepted, in whatever order answers come.

    It holds the posts that are under way, and of those that failed the lowest alone.

    :param start: the post number that the run was told to begin at, where it was told.
    """

    def __init__(self, start: int | None) -> None:
        self._next = start
        self._open: dict[int, int] = {}
        self._lowest_failed: int | None = None

    def follow(self, posts: Iterable[Post]) -> Iterator[Post]:
        """Yield ``posts``, which ascend, and know each as begun."""
        for post in posts:
            self._next = post.number + 1
            rows = sum(post.row(name) is not None for name in DATASETS)
            if rows:
                self._open[post.number] = rows
            yield post

    def accepted(self, number: int) -> None:
        """Know one record of a post as accepted."""
        left = self._open.get(number, 0) - 1
        if left > 0:
            self._open[number] = left
        else:
            self._open.pop(number, None)

    def failed(self, number: int) -> None:
        """Know one record of a post as not accepted; the whole post is to be sent again."""
        self._open.pop(number, None)
        if self._lowest_failed is None or number < self._lowest_failed:
            self._lowest_failed = number

    @property
    def next_start(self) -> int | None:
        """The lowest post number that is not wholly accepted, or the one after the last; none: from the lowest."""
        failed = [] if self._lowest_failed is None else [self._lowest_failed]
        return min([*self._open, *failed], default=self._next)
