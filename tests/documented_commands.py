"""The commands that pages of the docs show, and whether the program knows them."""

from __future__ import annotations

import re
import shlex
from typing import Any

import typer
import typer.core

from pinpipe_cli.main import app

# Typer has a Click of its own, and names this class by a subclass alone.
USAGE_ERROR = typer.BadParameter.__mro__[1]

_FENCE = re.compile(r"^ *```[a-z]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def lines_of_blocks(text: str) -> list[str]:
    """Return the lines of a page's blocks of code."""
    return [line for block in _FENCE.findall(text) for line in block.splitlines()]


def code(text: str) -> list[str]:
    """Return everything on a page that is code: lines of blocks, and what stands between backticks."""
    return lines_of_blocks(text) + re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))


def commands(text: str, *, of_blocks_alone: bool = False) -> list[list[str]]:
    """Return the arguments of every `pinpipe` command of a page.

    :param of_blocks_alone: without those within sentences, which may leave something out.
    """
    found = []
    for line in lines_of_blocks(text) if of_blocks_alone else code(text):
        if match := re.search(r"(?:^|\s|/)pinpipe (?!pinpipe)([a-z].*)", line):
            found.append(shlex.split(re.split(r" (?:>|&&|\|)", match[1])[0], comments=True))
    return found


def parse(arguments: list[str]) -> dict[str, Any]:
    """Parse a command as the program does, do nothing, and return its parameters by name."""
    command, context = typer.main.get_command(app), None
    while True:
        context = command.make_context(command.name, list(arguments), parent=context)
        arguments = [*context._protected_args, *context.args]
        if not isinstance(command, typer.core.TyperGroup) or not arguments:
            return context.params
        _, command, arguments = command.resolve_command(context, arguments)
