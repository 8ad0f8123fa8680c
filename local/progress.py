"""How far something is that takes long: lines for everybody, and for a display also what is waited for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

# Is told each step in words: ``print`` is one.
Progress = Callable[[str], None]


class Display(ABC):
    """A progress that can show more than lines: what is being waited for just now."""

    @abstractmethod
    def __call__(self, line: str) -> None:
        """Tell a step in words."""

    @abstractmethod
    def waits_for(self, names: Sequence[str], ended: int | None = None, of: int | None = None) -> None:
        """Show what is waited for; it replaces what was shown before.

        :param names: of what is waited for.
        :param ended: how many have ended, ``None`` where they are not counted.
        :param of: how many there are.
        """


def waits_for(progress: Progress, names: Sequence[str], ended: int | None = None, of: int | None = None) -> None:
    """Show what is waited for, where there is a display; lines would say the same again and again."""
    if isinstance(progress, Display):
        progress.waits_for(names, ended, of)
