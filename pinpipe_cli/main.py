"""The ``pinpipe`` command. Each command is a thin page: what it does lives in the module it imports."""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pinpipe_cli.backfill import backfill
from pinpipe_cli.source import source
from pinpipe_cli.stream import stream

if TYPE_CHECKING:
    from pinpipe_cli.airflow_api import AirflowApi

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__)
app.add_typer(backfill, name="backfill")
app.add_typer(source, name="source")
app.add_typer(stream, name="stream")

_DAGS = "provision, emulate_batch, emulate_stream, clean_batch, stream_supervisor, analytics, maintain or teardown."

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day, YYYY-MM-DD (UTC).")]


class Format(StrEnum):
    """How a table is printed."""

    table = "table"
    csv = "csv"
    json = "json"


class Layer(StrEnum):
    """Which rows are meant: what users see, or what one path wrote."""

    serving = "serving"
    batch = "batch"
    speed = "speed"
    answers = "answers"


def main() -> None:
    """Run the command; what went wrong is one message on standard error and exit code 1."""
    from include.settings import environment
    from local.process_environment import aws_environment

    try:
        if environment() == "local":
            os.environ.update(aws_environment())
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except _expected_errors() as error:
        print(f"pinpipe: {error}", file=sys.stderr)
        sys.exit(1)


@app.command()
def up() -> None:
    """Start the local world; prints how to log in."""
    from local import world

    world.up(_say)
    _print_login()


@app.command()
def down() -> None:
    """Stop the local world; its data stays."""
    from local import world

    world.down(_say)


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Stop the local world and delete all of its data."""
    from local import world
    from local.home import home

    if not yes:
        typer.confirm(f"Delete every table, topic, object and log in {home()}?", abort=True)
    world.reset(_say)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
    as_prometheus: Annotated[
        bool, typer.Option("--prometheus", help="As Prometheus' text; exits with 0, as the numbers say the rest.")
    ] = False,
) -> None:
    """Show every service, DAG, the stream and the newest cleaned day.

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
        print(json.dumps(found, indent=2))
    else:
        from pinpipe_cli.status_output import print_status

        print_status(found)
    if not found["healthy"]:
        raise typer.Exit(1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="A service's name, as `status` shows it.")],
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


@app.command()
def run(
    dag_id: Annotated[str, typer.Argument(help=_DAGS)],
    conf: Annotated[str, typer.Option(help="The run's params as a JSON object.")] = "{}",
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Sets the param `day`.")] = None,
) -> None:
    """Trigger a DAG and follow it; exits with 1 unless its tasks succeeded."""
    from pinpipe_cli.conf import json_object
    from pinpipe_cli.runs import run_dag

    params = json_object(conf)
    if day:
        params["day"] = day.date().isoformat()
    run_dag(_airflow(), dag_id, params, _say)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def airflow(context: typer.Context) -> None:
    """Run Airflow's own command against the local world, such as `pinpipe airflow dags list`."""
    from local import world

    world.run_airflow(context.args)


@app.command()
def history(
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days.")] = 30,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day; yesterday (UTC) if not given.")
    ] = None,
    posts_per_day: Annotated[int, typer.Option(min=1, max=1_000_000, help="Each post is three records.")] = 500,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed makes the same records.")] = 42,
) -> None:
    """Replay past days into Kafka, as if posts of the source had been posted on them."""
    from pinpipe_cli.history import replay_history

    replay_history(_airflow(), days, last.date() if last else None, posts_per_day, seed, _say)


@app.command()
def query(
    question: Annotated[str, typer.Argument(help="Q1 Q2 Q2top Q3a Q3b Q4 Q5 Q6 Q7 Q8")],
    form: Annotated[Format, typer.Option("--format")] = Format.table,
) -> None:
    """Answer a question from the serving views, without Spark."""
    from pinpipe_cli import output, reading

    output.print_rows(reading.answer(question), form.value)


@app.command()
def table(
    name: Annotated[str, typer.Argument(help="pin, geo or user; in a layer also quarantine and metrics.")],
    layer: Annotated[Layer, typer.Option()] = Layer.serving,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only rows of this ingest date.")] = None,
    form: Annotated[Format, typer.Option("--format")] = Format.table,
    count: Annotated[bool, typer.Option("--count", help="Only the number of rows.")] = False,
) -> None:
    """Print a table, without Spark."""
    from pinpipe_cli import output, reading

    only = day.date() if day else None
    if count:
        print(reading.count(name, layer.value, only))
    else:
        output.print_rows(reading.table(name, layer.value, only), form.value)


@app.command()
def report() -> None:
    """Fetch the newest HTML report and print its path."""
    from pinpipe_cli.report import fetch_report

    print(fetch_report())


@app.command()
def demo() -> None:
    """Run the main job once from end to end: start, provision, emulate, clean, answer."""
    from pinpipe_cli.demo import run_demo

    run_demo(_say)
    _print_login()


def _airflow() -> AirflowApi:
    from local import world
    from pinpipe_cli.airflow_api import AirflowApi

    return AirflowApi(*world.login())


def _print_login() -> None:
    from local import world

    address, user, password = world.login()
    print(f"\nAirflow: {address}   user: {user}   password: {password}")


def _say(line: str) -> None:
    print(line, flush=True)


def _expected_errors() -> tuple[type[Exception], ...]:
    """Return the errors whose message is all that a user needs; others keep their traceback."""
    from emulator.database import SourceError
    from include.settings import SettingsError
    from local.world import WorldError
    from pinpipe_cli.airflow_api import AirflowApiError
    from pinpipe_cli.runs import RunFailed

    return (WorldError, SettingsError, SourceError, AirflowApiError, RunFailed, LookupError, ValueError, OSError)
