"""Prints what checks have found: on a terminal as a table, elsewhere as the lines that tasks log."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from pinpipe_cli.output import console, visible

if TYPE_CHECKING:
    from pinpipe_airflow.preflight.result import Finding

_MARKS = {
    "wrong": ("✘", "bold red"),
    "warning": ("!", "bold yellow"),
    "not checked": ("–", "dim"),
    "ok": ("✔", "green"),
}


def print_findings(found: Sequence[Finding], stream: TextIO | None = None) -> None:
    """Print findings in their order, and how many there are of each outcome.

    :param stream: where to; default: standard output.
    """
    from pinpipe_airflow.preflight.report import counts, lines

    stream = stream or sys.stdout
    if not stream.isatty():
        stream.write("\n".join(visible(line) for line in lines(found)) + "\n")
        return
    screen = console(stream)
    shown = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    shown.add_column(width=1)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for finding in found:
        mark, style = _MARKS[finding.outcome]
        shown.add_row(Text(mark, style), Text(visible(finding.subject), style), _told(finding))
    screen.print(shown)
    screen.print()
    screen.print(Text(counts(found), "bold"))


def _told(finding: Finding) -> Text:
    told = Text(visible(finding.found), "dim" if finding.outcome == "not checked" else "")
    if finding.why:
        told.append(f"\n{visible(finding.why)}", "dim")
    if finding.way_out:
        told.append(f"\n→ {visible(finding.way_out)}", "cyan")
    return told
