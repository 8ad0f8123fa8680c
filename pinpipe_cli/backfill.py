"""The commands ``pinpipe backfill …``: past days cleaned, or cleaned again, by a backfill of Airflow."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from pinpipe_cli.chosen_environment import Env, airflow
from pinpipe_cli.json_output import AsJson, print_json
from pinpipe_cli.progress import progress, say_in_colour

backfill = typer.Typer(
    invoke_without_command=True,
    help="Clean a range of past days by a backfill of Airflow and follow it. Exits with 1 unless every day succeeded.",
)

Id = Annotated[int | None, typer.Argument(help="The backfill's id; the active one where none is given.")]


@backfill.callback()
def start(
    context: typer.Context,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day, UTC.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")] = None,
    reprocess: Annotated[
        bool,
        typer.Option(
            "--reprocess/--failed",
            help="Run days again that have succeeded, or only those that failed; days without a run in any case.",
        ),
    ] = False,
    backwards: Annotated[bool, typer.Option("--backwards", help="Begin with the last day.")] = False,
    max_active_runs: Annotated[int, typer.Option(min=1, max=100, help="So many days at once.")] = 3,
    conf: Annotated[str, typer.Option(help="Params of every run, as a JSON object.")] = "{}",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the days that would be run; start none.")] = False,
    as_json: AsJson = False,
    env: Env = None,
) -> None:
    """Clean a range of past days by a backfill of Airflow and follow it; exits with 1 unless every day succeeded."""
    if context.invoked_subcommand:
        return
    if first is None or last is None:
        raise typer.BadParameter("--from and --to are needed: the first and the last day, YYYY-MM-DD")
    from pinpipe_cli.backfilling import Request, days_to_run, run_backfill
    from pinpipe_cli.conf import json_object

    request = Request(first.date(), last.date(), reprocess, backwards, max_active_runs, json_object(conf))
    if not dry_run:
        with progress(as_json=as_json) as say:
            runs = run_backfill(airflow(), request, say)
        if as_json:
            print_json({"runs": runs})
        return
    days = [str(day) for day in days_to_run(airflow(), request)]
    if as_json:
        print_json({"days": days})
        return
    for day in days:
        print(day)


@backfill.command()
def follow(backfill_id: Id = None, as_json: AsJson = False) -> None:
    """Follow a backfill to its end; exits with 1 unless every day of it succeeded."""
    from pinpipe_cli.backfilling import find_backfill, follow_backfill

    api = airflow()
    with progress(as_json=as_json) as say:
        runs = follow_backfill(api, find_backfill(api, backfill_id), say)
    if as_json:
        print_json({"runs": runs})


@backfill.command()
def cancel(backfill_id: Id = None) -> None:
    """End a backfill: days that have begun go on to their end, the others are not run."""
    from pinpipe_cli.backfilling import cancel_backfill, find_backfill

    api = airflow()
    cancel_backfill(api, find_backfill(api, backfill_id), _say)


@backfill.command()
def pause(backfill_id: Id = None) -> None:
    """Let a backfill begin no further days for now."""
    _set("pause", backfill_id, "paused: days that have begun go on, `pinpipe backfill unpause` begins further ones")


@backfill.command()
def unpause(backfill_id: Id = None) -> None:
    """Let a paused backfill go on."""
    _set("unpause", backfill_id, "goes on")


@backfill.command("list")
def list_(as_json: AsJson = False) -> None:
    """Print the backfills there were, the newest first."""
    from pinpipe_cli.backfilling import backfill_document, backfills, state, title

    listed = backfills(airflow())
    if as_json:
        print_json([backfill_document(found) for found in listed])
        return
    for found in listed:
        ended = f" at {found['completed_at'][:16]}" if found["completed_at"] else ""
        say_in_colour(f"{title(found)}: {state(found)}{ended}")


def _set(what: str, backfill_id: int | None, said: str) -> None:
    from pinpipe_cli.backfilling import find_backfill, title

    api = airflow()
    found = find_backfill(api, backfill_id)
    api.call("PUT", f"backfills/{found['id']}/{what}")
    _say(f"{title(found)}: {said}")


def _say(line: str) -> None:
    print(line, flush=True)
