"""Files that are generated from the code: written by ``make docs``, held against the code by a test."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from local.home import ROOT

COMMAND = "make docs"


def note(of: str, change: str) -> str:
    """Return the comment at a generated page's top.

    :param of: what the page is made from.
    :param change: what is to be changed in the page's place.
    """
    return f"<!-- Generated from {of} by `{COMMAND}`: change {change}, then run it. -->"


def write_or_check(page: Path, text: str, arguments: Sequence[str], *, said_by: str) -> int:
    """Write a page, or with ``--check`` compare it with what is there; return the exit code.

    :param page: its file, below the checkout.
    :param text: what it is to hold.
    :param arguments: of the command line: nothing, or ``--check``.
    :param said_by: what the page repeats, with its verb, such as ``the contracts say``.
    """
    if "--check" not in arguments:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text, encoding="utf-8")
        return 0
    if page.exists() and page.read_text(encoding="utf-8") == text:
        return 0
    print(f"{page.relative_to(ROOT)} is not what {said_by}: run `{COMMAND}` and commit it", file=sys.stderr)
    return 1
