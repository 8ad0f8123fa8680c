"""The commands ``pinpipe stream …``: the wish for the stream, and how it is."""

from __future__ import annotations

import time
from typing import Any, Literal

import typer

from local.progress import Progress, waits_for
from pinpipe_cli.chosen_environment import LOCAL, Env, airflow
from pinpipe_cli.json_output import AsJson, print_json
from pinpipe_cli.progress import progress, say_in_colour

_POLL_S = 2
_AS_WISHED_WITHIN_S = 120
_AS_WISHED_WITHIN_S_ON_AWS = 900  # a cluster that is begun takes minutes

stream = typer.Typer(no_args_is_help=True, help="The stream: whether it is to run, and how it is.")


@stream.command()
def start(as_json: AsJson = False, env: Env = None) -> None:
    """Wish that the stream runs, and have that seen to now; exits with 1 unless it does in the end."""
    _wish("running", as_json=as_json)


@stream.command()
def stop(as_json: AsJson = False, env: Env = None) -> None:
    """Wish that the stream stops, and have that seen to now; exits with 1 unless it has in the end."""
    _wish("stopped", as_json=as_json)


@stream.command()
def status(
    as_json: AsJson = False,
    env: Env = None,
) -> None:
    """Show how the stream is; exits with 1 unless it is as wished."""
    from pinpipe_cli.stream_status import stream_status

    found = stream_status()
    if as_json:
        print_json(found)
    else:
        print_stream(found, say_in_colour)
    if not found["as_wished"]:
        raise typer.Exit(1)


def print_stream(found: dict[str, Any], say: Progress = print) -> None:
    """Print what :func:`~pinpipe_cli.stream_status.stream_status` returns, a line each."""
    run, versions, rows = found["run"], found["versions"], found["rows"] or {}
    appended = ", ".join(f"{count} {name}" for name, count in (rows.get("appended") or {}).items()) or "none"
    lines = {
        "wish": f"{found['wish']} (by {found['wished_by']}, {found['wished_at'] or 'from the start'})",
        "state": f"{found['state']}{'' if found['as_wished'] else ': ' + found['detail']}",
        "run": f"{run['run_id']} {run['state']} {run['page']}" if run else "none",
        "version": ", ".join(f"{name} {version or 'none'}" for name, version in versions.items()),
        "progress": f"{found['progressed_at'] or 'none yet'}, micro-batch {found['batch_id']}",
        "lag": "not known" if found["lag_ms"] is None else f"{found['lag_ms'] / 1000:.1f} s from arrival to commit",
        "rows": f"{rows.get('read', 0)} read, appended {appended}, {rows.get('quarantined', 0)} quarantined",
    }
    if found["error"]:
        lines["error"] = found["error"]
    for name, line in lines.items():
        say(f"{name:<9} {line}")


def see_to(wish: Literal["running", "stopped"], say: Progress) -> dict[str, Any]:
    """Write down what is wished of the stream, run the supervisor, and wait until all is as wished.

    :param say: takes a line of progress.
    :returns: the status in the end, as wished or not.
    :raises pinpipe_cli.runs.RunFailed: when the supervisor's run fails.
    """
    from pinpipe_cli.runs import run_dag
    from pinpipe_cli.stream_status import databricks, stream_status, write_wish

    databricks()  # who cannot be told how the stream is in the end is told so before anything has changed
    api = airflow()
    write_wish(wish)
    say(f"the stream is to be {wish}")
    run_dag(api, "stream_supervisor", {}, say)
    deadline = time.monotonic() + _as_wished_within_s()
    # Databricks may be between two runs.
    waits_for(say, [f"the stream to be {wish}"])
    while not (found := stream_status())["as_wished"] and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return found


def _as_wished_within_s() -> int:
    from include.settings import environment

    return _AS_WISHED_WITHIN_S if environment() == LOCAL else _AS_WISHED_WITHIN_S_ON_AWS


def _wish(wish: Literal["running", "stopped"], *, as_json: bool) -> None:
    with progress(as_json=as_json) as say:
        found = see_to(wish, say)
    if as_json:
        print_json(found)
    else:
        print_stream(found, say_in_colour)
    if not found["as_wished"]:
        raise typer.Exit(1)
