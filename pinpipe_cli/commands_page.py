"""Writes ``docs/reference/commands.md`` from the command line itself: each command, its arguments and options.

``python -m pinpipe_cli.commands_page`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import typer.main

from local.home import ROOT
from pinpipe_cli.generated_page import note, write_or_check
from pinpipe_cli.main import app
from pinpipe_cli.markdown import table

PAGE = ROOT / "docs" / "reference" / "commands.md"
PROGRAM = "pinpipe"


def page() -> str:
    """Return the page's text."""
    parts = [
        "# Commands",
        note("the command line", "a command in `pinpipe_cli`"),
        "The command is `.venv/bin/pinpipe`. What went wrong is one message on standard error and exit code 1; a wrong "
        "option is exit code 2. `make help` lists what `make` does.",
        table(("command", "what it does"), _overview()),
    ]
    for name, command in _commands():
        parts += _section(name, command)
    return "\n\n".join(parts) + "\n"


def _commands() -> Iterator[tuple[str, Any]]:
    """Yield every command with its whole name, those of a group after the group's own."""
    whole: Any = typer.main.get_command(app)
    for name, command in sorted(whole.commands.items()):
        yield f"{PROGRAM} {name}", command
        for below, belonging in sorted(getattr(command, "commands", {}).items()):
            yield f"{PROGRAM} {name} {below}", belonging


def _overview() -> Iterator[tuple[str, str]]:
    for name, command in _commands():
        yield f"[`{name}`](#{name.replace(' ', '-')})", _paragraphs(command)[0]


def _section(name: str, command: Any) -> Iterator[str]:
    yield f"## {name}"
    yield from _paragraphs(command)
    usage = [f"<{p.name}>" for p in command.params if p.param_type_name == "argument"]
    below = [*(["[options]"] if _options(command) else []), *usage]
    below += ["<command>"] if getattr(command, "commands", None) else []
    yield f"```console\n$ {' '.join([name, *below])}\n```"
    if rows := [*_arguments(command), *_options(command)]:
        yield table(("argument or option", "default", "meaning"), rows)


def _paragraphs(command: Any) -> list[str]:
    return re.split(r"\n\n", _shown(inspect.cleandoc(command.help or "")))


def _arguments(command: Any) -> Iterator[tuple[str, str, str]]:
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            yield f"`<{parameter.name}>`", _default(parameter), _shown(parameter.help or "")


def _options(command: Any) -> list[tuple[str, str, str]]:
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    return [(_names(option), _default(option), _told(option)) for option in options if "--help" not in option.opts]


def _shown(text: str) -> str:
    """Return a help text as Markdown shows it; what stands between angle brackets is no tag."""
    return text.replace("<", "&lt;")


def _names(option: Any) -> str:
    return ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))


def _told(option: Any) -> str:
    choices = getattr(option.type, "choices", ())
    told = [_shown(option.help or ""), f"One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""]
    least, most = getattr(option.type, "min", None), getattr(option.type, "max", None)
    bounds = [f"at least {least:,}" if least is not None else "", f"at most {most:,}" if most is not None else ""]
    told.append(f"{', '.join(filter(None, bounds)).capitalize()}." if any(bounds) else "")
    return " ".join(filter(None, told))


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    if default is None or default is False or default == ():
        return ""
    return f"`{getattr(default, 'value', default)}`"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` compare it with what is there; return the exit code."""
    return write_or_check(PAGE, page(), arguments, said_by="the command line says")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
