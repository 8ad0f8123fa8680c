"""The commands ``pinpipe source …``: what the source database holds, and filling it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from local.progress import Display, Progress, waits_for
from pinpipe_cli.json_output import AsJson, print_json
from pinpipe_cli.progress import progress

if TYPE_CHECKING:
    import sqlalchemy as sa

SECONDS_BETWEEN_PROGRESS = 5

source = typer.Typer(no_args_is_help=True, help="The source database: fill it, look at it.")

Replace = Annotated[
    bool, typer.Option("--replace", help="Delete the rows that a database of your own holds; the embedded one's go.")
]


@source.command()
def check(as_json: AsJson = False) -> None:
    """Look at the source database: what it holds, and what about it may surprise."""
    from emulator.survey import survey

    found = survey(_engine(as_json=as_json))
    if as_json:
        print_json({"rows": found.rows, "posts": found.posts, "complete": found.complete, "notes": list(found.notes)})
        return
    for table, rows in found.rows.items():
        print(f"  {table}: {rows} rows")
    print(f"  {found.posts} posts, {found.complete} with all three rows")
    for note in found.notes:
        print(f"  note: {note}")


@source.command()
def generate(
    posts: Annotated[int, typer.Option(min=1, help="How many posts.")] = 10_000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same posts.")] = 42,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Fill the source database with generated posts; replaces what is there."""
    from emulator.generator import generate_posts
    from emulator.loading import load_posts

    engine = _engine_to_fill(replace, as_json=as_json)
    with progress(as_json=as_json) as say:
        counts = load_posts(engine, generate_posts(posts, seed), progress=_rows_told(say))
    _print_counts(counts, as_json=as_json)


@source.command()
def load(
    pin: Annotated[Path, typer.Option(help="JSON Lines or CSV of pinterest_data.")],
    geo: Annotated[Path, typer.Option(help="JSON Lines or CSV of geolocation_data.")],
    user: Annotated[Path, typer.Option(help="JSON Lines or CSV of user_data.")],
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Fill the source database from files; replaces what is there."""
    from emulator.loading import load_files

    engine = _engine_to_fill(replace, as_json=as_json)
    with progress(as_json=as_json) as say:
        counts = load_files(engine, pin=pin, geo=geo, user=user, progress=_rows_told(say))
    _print_counts(counts, as_json=as_json)


def _engine(*, as_json: bool) -> sa.Engine:
    from emulator.database import address_of, open_engine
    from local import secret_store
    from local.process_environment import source_url

    engine = open_engine(source_url(secret_store.load()))
    print(f"source database {address_of(engine)}", file=sys.stderr if as_json else sys.stdout, flush=True)
    return engine


def _engine_to_fill(replace: bool, *, as_json: bool) -> sa.Engine:
    from emulator.loading import require_empty
    from local.process_environment import has_own_source

    engine = _engine(as_json=as_json)
    if has_own_source() and not replace:
        require_empty(engine)
    return engine


def _rows_told(say: Progress) -> Callable[[str, int], None]:
    """Return a function that tells how far a loading is: a display at once, others every few seconds."""
    told = time.monotonic()

    def tell(name: str, rows: int) -> None:
        nonlocal told
        waits_for(say, [f"the database: {rows:,} {name} rows so far"])
        if isinstance(say, Display):
            return
        if time.monotonic() - told >= SECONDS_BETWEEN_PROGRESS:
            told = time.monotonic()
            say(f"  {rows:,} {name} rows so far")

    return tell


def _print_counts(counts: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json(counts)
        return
    rows = ", ".join(f"{counts[name]} {name}" for name in ("pin", "geo", "user"))
    print(f"the source holds {rows} rows; {counts['complete']} posts have all three")
