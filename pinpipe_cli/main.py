"""The ``pinpipe`` command. Each command is a thin page: what it does lives in the module it imports."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pinpipe_cli import chosen_environment, completion, errors
from pinpipe_cli.backfill import backfill
from pinpipe_cli.chosen_environment import Env
from pinpipe_cli.deploying import deploy, rollback
from pinpipe_cli.doctor.command import doctor
from pinpipe_cli.exploring import dashboard, explore
from pinpipe_cli.json_output import OPTION, AsJson, print_json
from pinpipe_cli.plan import plan
from pinpipe_cli.preflight import preflight
from pinpipe_cli.progress import progress
from pinpipe_cli.source import source
from pinpipe_cli.stream import stream
from pinpipe_cli.versions import version

_WORLD, _RUNS, _DATA, _ELSEWHERE = "The local world", "Runs", "Data", "On AWS"  # headings of the help

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

_DAGS = "provision, emulate_batch, emulate_stream, clean_batch, stream_supervisor, analytics, maintain or teardown."

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day, YYYY-MM-DD (UTC).")]


class Format(StrEnum):
    """How a table is printed."""

    table = "table"
    csv = "csv"
    json = "json"


Form = Annotated[
    Format,
    typer.Option(
        "--format",
        help="How it is printed. csv and json give the data as they are: a spreadsheet may run a text of a CSV file "
        "that begins like a formula.",
    ),
]


class Layer(StrEnum):
    """Which rows are meant: what users see, or what one path wrote."""

    serving = "serving"
    batch = "batch"
    speed = "speed"
    answers = "answers"


# What has to work whatever is set: it says what is wrong with that.
_WITHOUT_ENVIRONMENT = {"doctor", "version", "--help"}


def main() -> None:
    """Run the command; what went wrong is a few words on standard error, and an exit code."""
    arguments = sys.argv[1:]
    try:
        if not _WITHOUT_ENVIRONMENT & set(arguments) and "_PINPIPE_COMPLETE" not in os.environ:
            chosen_environment.choose()
        app()
    except KeyboardInterrupt:
        sys.exit(errors.Exit.INTERRUPTED)
    except Exception as error:
        sys.exit(errors.report(error, as_json=OPTION in arguments))


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole traceback of an error; PINPIPE_DEBUG=1 does, too.")
    ] = False,
) -> None:
    """The Pinterest data pipeline: its local world, its runs, its tables, its deployment."""
    if debug:
        os.environ[errors.DEBUG] = "1"


@app.command(rich_help_panel=_WORLD)
def up(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay until SIGTERM or Ctrl-C, and stop it then: for containers.")
    ] = False,
) -> None:
    """Start the local world; prints how to log in."""
    if foreground:
        from pinpipe_cli.foreground import stay

        stay(_say)
        return
    from local import world

    with progress() as say:
        world.up(say)
    _print_login()


@app.command(rich_help_panel=_WORLD)
def login(as_json: AsJson = False) -> None:
    """Print Airflow's address, user and password."""
    if not as_json:
        _print_login()
        return
    from local import world

    print_json(dict(zip(("url", "user", "password"), world.login(), strict=True)))


@app.command(rich_help_panel=_WORLD)
def down() -> None:
    """Stop the local world; its data stays."""
    from local import world

    with progress() as say:
        world.down(say)


@app.command(rich_help_panel=_WORLD)
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the local world and delete all of its data."""
    from local import world
    from local.home import home

    if not yes:
        typer.confirm(f"Delete every table, topic, object and log in {home()}?", abort=True)
    with progress() as say:
        world.reset(say)


@app.command(rich_help_panel=_WORLD)
def status(
    as_json: AsJson = False,
    as_prometheus: Annotated[
        bool, typer.Option("--prometheus", help="As Prometheus' text; exits with 0, as the numbers say the rest.")
    ] = False,
    env: Env = None,
) -> None:
    """Show every service, DAG, the stream and the newest cleaned day; of an environment on AWS, MWAA for the services.

    Exits with 1 unless every service is healthy, every DAG file can be read and the disk is not full. A failed last run
    is shown, and is no reason: it may be of yesterday, and mended since.
    """
    from pinpipe_cli.status import status as whole_status

    found = whole_status()
    if as_prometheus:
        from pinpipe_cli.prometheus_text import prometheus_text

        print(prometheus_text(found), end="")
        return
    if as_json:
        print_json(found)
    else:
        from pinpipe_cli.status_output import print_status

        print_status(found)
    if not found["healthy"]:
        raise typer.Exit(1)


@app.command(rich_help_panel=_WORLD)
def logs(
    service: Annotated[
        str, typer.Argument(help="A service's name, as `status` shows it.", autocompletion=completion.services)
    ],
    lines: Annotated[int, typer.Option(min=1, help="How many of the last lines.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written.")] = False,
) -> None:
    """Print a service's log."""
    from local.supervision import log_folder

    file = log_folder() / f"{Path(service).name}.log"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in log_folder().glob("*.log"))) or "none yet: run `pinpipe up`"
        raise typer.BadParameter(f"there is no log of {service!r}; there are: {known}")
    os.execvp("tail", ["tail", f"--lines={lines}", *(["--follow=name"] if follow else []), str(file)])  # noqa: S606


@app.command(rich_help_panel=_RUNS)
def run(
    dag_id: Annotated[str, typer.Argument(help=_DAGS, autocompletion=completion.dag_ids)],
    conf: Annotated[str, typer.Option(help="The run's params as a JSON object.")] = "{}",
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Sets the param `day`.")] = None,
    as_json: AsJson = False,
    env: Env = None,
) -> None:
    """Trigger a DAG and follow it; exits with 1 unless its tasks succeeded."""
    from pinpipe_cli.conf import json_object
    from pinpipe_cli.plan import is_plan, print_plan
    from pinpipe_cli.runs import run_dag, run_document

    params = json_object(conf)
    if day:
        params["day"] = day.date().isoformat()
    api = chosen_environment.airflow()
    with progress(as_json=as_json) as say:
        run_id = run_dag(api, dag_id, params, say)
    if as_json:
        print_json(run_document(api, dag_id, run_id))
    elif is_plan(dag_id, params):
        print_plan(api, run_id, _say)


@app.command(
    rich_help_panel=_WORLD,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def airflow(context: typer.Context) -> None:
    """Run Airflow's own command against the local world, such as `pinpipe airflow dags list`."""
    from local import world

    world.run_airflow(context.args)


@app.command(rich_help_panel=_DATA)
def history(
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days.")] = 30,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day; yesterday (UTC) if not given.")
    ] = None,
    posts_per_day: Annotated[int, typer.Option(min=1, max=1_000_000, help="Each post is three records.")] = 500,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed makes the same records.")] = 42,
    as_json: AsJson = False,
    env: Env = None,
) -> None:
    """Replay past days into Kafka, as if posts of the source had been posted on them."""
    from pinpipe_cli.history import replay_history

    with progress(as_json=as_json) as say:
        api = chosen_environment.airflow()
        replayed = replay_history(api, days, last.date() if last else None, posts_per_day, seed, say)
    if as_json:
        print_json({"days": replayed})


@app.command(rich_help_panel=_DATA)
def query(
    question: Annotated[
        str, typer.Argument(help=" ".join(completion.questions("")), autocompletion=completion.questions)
    ],
    form: Form = Format.table,
    as_json: AsJson = False,
    env: Env = None,
) -> None:
    """Answer a question from the serving views, without Spark."""
    from pinpipe_cli import output, reading

    output.print_rows(reading.answer(question), "json" if as_json else form.value)


@app.command(rich_help_panel=_DATA)
def table(
    name: Annotated[
        str,
        typer.Argument(
            help="pin, geo or user; in batch and speed also quarantine, in answers q1 and so on.",
            autocompletion=completion.tables,
        ),
    ],
    layer: Annotated[Layer, typer.Option()] = Layer.serving,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only rows of this ingest date.")] = None,
    form: Form = Format.table,
    count: Annotated[bool, typer.Option("--count", help="Only the number of rows.")] = False,
    as_json: AsJson = False,
    env: Env = None,
) -> None:
    """Print a table, without Spark."""
    from pinpipe_cli import output, reading

    only = day.date() if day else None
    if count:
        print(reading.count(name, layer.value, only))  # a number is a document, too
    else:
        output.print_rows(reading.table(name, layer.value, only), "json" if as_json else form.value)


@app.command(rich_help_panel=_DATA)
def report(as_json: AsJson = False, env: Env = None) -> None:
    """Fetch the newest HTML report, with the answers' files beside it, and print its path."""
    from pinpipe_cli.report import fetch_report

    path = str(fetch_report())
    if as_json:
        print_json({"path": path})
    else:
        print(path)


@app.command(rich_help_panel=_WORLD)
def demo() -> None:
    """Run the main job once from end to end: start, provision, emulate, clean, answer."""
    from pinpipe_cli.demo import run_demo

    with progress() as say:
        run_demo(say)
    _print_login()


def _print_login() -> None:
    from local import world

    address, user, password = world.login()
    print(f"\nAirflow: {address}   user: {user}   password: {password}")


def _say(line: str) -> None:
    print(line, flush=True)


app.add_typer(backfill, name="backfill", rich_help_panel=_RUNS)
app.add_typer(source, name="source", rich_help_panel=_DATA)
app.add_typer(stream, name="stream", rich_help_panel=_RUNS)
app.command(rich_help_panel=_ELSEWHERE)(preflight)
app.command(rich_help_panel=_RUNS)(plan)
app.command(rich_help_panel=_ELSEWHERE)(deploy)
app.command(rich_help_panel=_ELSEWHERE)(rollback)
app.command(rich_help_panel=_DATA)(explore)
app.command(rich_help_panel=_DATA)(dashboard)
app.command(rich_help_panel=_WORLD)(doctor)
app.command(rich_help_panel=_WORLD)(version)
