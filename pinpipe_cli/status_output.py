"""Prints the status on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.table import Table
from rich.text import Text

from pinpipe_cli.output import console, visible

_COLOURS = {"success": "green", "failed": "red"}


def print_status(found: Mapping[str, Any], stream: TextIO | None = None) -> None:
    """Print how everything is.

    :param found: as :func:`pinpipe_cli.status.status` returns it.
    :param stream: where to; default: standard output.
    """
    screen = console(stream or sys.stdout)
    screen.print(_services(found["services"]))
    if found["dags"]:
        screen.print()
        screen.print(_dags(found["dags"]))
    screen.print()
    for line in _lines(found):
        screen.print(Text(visible(line), _line_style(line)), soft_wrap=True)


def _line_style(line: str) -> str:
    if line.startswith("ALERT "):
        return "bold red"
    return "yellow" if line.startswith(("not known: ", "nothing runs: ")) else ""


def _services(states: Mapping[str, Mapping[str, Any]]) -> Table:
    shown = Table("service", "state", "health", "address", box=None, pad_edge=False)
    for name, state in states.items():
        health = Text("healthy", "green") if state["healthy"] else Text(visible(state["detail"] or "unhealthy"), "red")
        shown.add_row(name, state["state"], health, Text(state["url"]))
    return shown


def _dags(dags: Mapping[str, Mapping[str, Any]]) -> Table:
    shown = Table("dag", "last run", "began (UTC)", "took", "next run", box=None, pad_edge=False)
    for name, dag in dags.items():
        run = dag["last_run"]
        state = Text(run["state"], _COLOURS.get(run["state"], "")) if run else Text("none yet")
        next_run = "paused" if dag["paused"] else _minute(dag["next_run"]) or "on demand"
        shown.add_row(Text(name), state, _minute(run and run["start"]), _took(run), next_run)
    return shown


def _lines(found: Mapping[str, Any]) -> list[str]:
    lines = [f"not known: {part}: {why}" for part, why in found["unknown"].items()]
    if stream := found["stream"]:
        lag = "" if stream["lag_ms"] is None else f", lag {stream['lag_ms'] / 1000:.1f} s"
        lines.append(f"stream: {stream['state']}{lag}, " + ("as wished" if stream["as_wished"] else stream["detail"]))
    if "freshness" not in found["unknown"]:
        lines.append(f"newest cleaned day: {_freshness(found['freshness'])}")
    if disk := found["disk"]:
        lines.append(f"disk: {disk['free_bytes'] / 1024**3:.1f} GiB free")
    lines += [f"ALERT {alert['alert']}: {alert['what']}; what to do: {alert['runbook']}" for alert in found["alerts"]]
    if all(service["state"] == "DOWN" for service in found["services"].values()):
        lines.append("nothing runs: `pinpipe up` starts it")
    return lines


def _freshness(fresh: Mapping[str, Any] | None) -> str:
    if fresh is None:
        return "none yet"
    share = "" if fresh["quarantined_share"] is None else f", {fresh['quarantined_share']:.2%} of them quarantined"
    return f"{fresh['day']}, {fresh['read']} rows read{share}"


def _minute(moment: str | None) -> str:
    return f"{_parsed(moment):%Y-%m-%d %H:%M}" if moment else ""


def _took(run: Mapping[str, Any] | None) -> str:
    if not run or not run["start"] or not run["end"]:
        return ""
    return f"{(_parsed(run['end']) - _parsed(run['start'])).total_seconds():.0f} s"


def _parsed(moment: str) -> datetime:
    return datetime.fromisoformat(moment).astimezone(UTC)
