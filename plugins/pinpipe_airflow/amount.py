"""How much of something there is, or was removed: a number of objects and their bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Amount:
    """A number of objects.

    :param objects: how many.
    :param bytes: their sizes together.
    """

    objects: int = 0
    bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.objects + other.objects, self.bytes + other.bytes)

    def __str__(self) -> str:
        return f"{self.objects:,} objects, {self.bytes:,} bytes"
