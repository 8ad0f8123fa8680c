"""What a long wait shows: on a terminal what is waited for and for how long, elsewhere plain lines.

Where standard output is one JSON document, the lines go to standard error.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TextIO

from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from local.progress import Display, Progress
from pinpipe_cli.output import console, visible

_NAMES_SHOWN = 3
_LONGEST_STEP = 60
_WORTH_TELLING_S = 5
_STYLES = (
    (re.compile(r"^== .*"), "bold"),
    (re.compile(r"\b(success|is ready|healthy|deployed)\b"), "green"),
    (re.compile(r"\b(failed|upstream_failed|NOT)\b"), "red"),
    (re.compile(r"\b(skipped|removed)\b"), "dim"),
    (re.compile(r"\b(deferred|running|up_for_retry|awaiting_input)\b"), "cyan"),
    (re.compile(r"https?://\S+"), "blue"),
)


@contextmanager
def progress(*, as_json: bool = False) -> Iterator[Progress]:
    """Yield what is told the steps of something that takes long.

    :param as_json: whether standard output is kept for a document.
    """
    stream = sys.stderr if as_json else sys.stdout
    if not is_lively(stream):
        yield partial(print, file=stream, flush=True)
        return
    display = TerminalProgress(console(stream))
    with display.shown():
        yield display


def say_in_colour(line: str) -> None:
    """Print a line, on a terminal coloured by its words."""
    if sys.stdout.isatty():
        console(sys.stdout).print(coloured(line), soft_wrap=True)
    else:
        print(line, flush=True)


def is_lively(stream: TextIO) -> bool:
    """Return whether a stream is a terminal on which a line can be written anew."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


class _Count(ProgressColumn):
    """A bar and two numbers, where something is counted."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = BarColumn(bar_width=24)

    def render(self, task: Task) -> RenderableType:
        if task.total is None:
            return Text()
        return Columns([self._bar.render(task), Text(f"{task.completed:.0f} of {task.total:.0f}")])


class TerminalProgress(Display):
    """Lines that stay, and below them one that tells what is waited for, how far that is, and since when.

    :param screen: where to.
    """

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            _Count(),
            TimeElapsedColumn(),
            console=screen,
            transient=True,
        )
        self._task: TaskID | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show it for as long as the context lasts; then its line goes, and the lines stay."""
        began = time.monotonic()
        with self._bar:
            self._task = self._bar.add_task("", total=None)
            yield
        took = time.monotonic() - began
        if took >= _WORTH_TELLING_S:
            self._screen.print(Text(f"took {duration(took)}", "dim"))

    def __call__(self, line: str) -> None:
        """Print a line above, coloured by its words."""
        for part in line.split("\n"):
            self._screen.print(coloured(part), soft_wrap=True)
        if line and not line.startswith(" "):  # a step begins, and what the last one waited for is over
            self._show(_shortened(line.removeprefix("== ").partition("\n")[0]))

    def waits_for(self, names: Sequence[str], ended: int | None = None, of: int | None = None) -> None:
        """Show what is waited for."""
        self._show(waiting_text(names), ended or 0, of)

    def _show(self, text: str, ended: int = 0, of: int | None = None) -> None:
        if self._task is None:
            return
        self._bar.tasks[0].total = of  # for update(), None is "as it was"
        self._bar.update(self._task, description=text, completed=ended)


def waiting_text(names: Sequence[str]) -> str:
    """Return what is waited for in words, the first few by name."""
    if not names:
        return ""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return visible(f"waiting for {', '.join(names[:_NAMES_SHOWN])}{more}")


def _shortened(text: str) -> str:
    return visible(text if len(text) <= _LONGEST_STEP else f"{text[:_LONGEST_STEP]}…")


def coloured(line: str) -> Text:
    """Return a line with its states coloured; what it says stays as it is."""
    text = Text(visible(line))
    for pattern, style in _STYLES:
        text.highlight_regex(pattern, style)
    return text


def duration(seconds: float) -> str:
    """Return a duration in words, such as ``2 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
