"""README.md and docs/: every command in a block of code is one that the program knows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.documented_commands import USAGE_ERROR, commands, parse

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = ROOT / "docs" / "reference" / "commands.md"  # shows usages, not commands
COMMANDS = sorted(
    {
        tuple(command)
        for page in PAGES
        if page != GENERATED
        for command in commands(page.read_text(encoding="utf-8"), of_blocks_alone=True)
    }
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_command_is_one(arguments: tuple[str, ...]) -> None:
    # An environment that is named is looked for, and the pages' is the reader's own.
    parse(["local" if before == "--env" else argument for before, argument in pairwise(("", *arguments))])


def test_a_command_that_is_none_would_be_found() -> None:
    assert commands("```bash\n.venv/bin/pinpipe no-such  # a comment\n```\n", of_blocks_alone=True) == [["no-such"]]
    with pytest.raises(USAGE_ERROR):
        parse(["no-such"])
