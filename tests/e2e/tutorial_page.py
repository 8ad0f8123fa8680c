"""The commands of the tutorial, and what the page says that they print.

A block of the language ``console`` is one command, after ``$ ``, and its output: ``…`` stands for some text in a line,
and a line that is nothing else for any lines, or none. Blocks of the language ``bash`` are for people alone: they
install, start, stop, or fill the source.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
PROGRAM = ".venv/bin/pinpipe"
ANYTHING = "…"

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One command and the output that the page shows.

    :param arguments: what follows the program's name.
    :param shown: lines of the output.
    """

    arguments: tuple[str, ...]
    shown: tuple[str, ...]


def steps(page: str) -> list[Step]:
    """Return the commands of a page in their order.

    :raises ValueError: where a block does not begin with a command of the program, or has another one.
    """
    found = []
    for block in _BLOCK.findall(page):
        command, *shown = block.splitlines()
        program, *arguments = shlex.split(command.removeprefix("$ "))
        if not command.startswith("$ ") or program != PROGRAM or any(line.startswith("$ ") for line in shown):
            raise ValueError(f"a block has to be one command, `$ {PROGRAM} …`, and its output; this one is:\n{block}")
        found.append(Step(tuple(arguments), tuple(shown)))
    return found


def prints(shown: tuple[str, ...], printed: str) -> bool:
    """Whether what was printed is what the page shows, but for white space at the ends of lines."""
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == ANYTHING and len(shown) > 1 else _line(line) for line in shown)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed.splitlines())) is not None


def _line(shown: str) -> str:
    return ".+".join(re.escape(part) for part in shown.rstrip().split(ANYTHING)) + r"\n"
