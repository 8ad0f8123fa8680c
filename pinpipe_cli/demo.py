"""The demo: the main job once, from an empty source database to the answers, and a minute of the stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pinpipe_cli.airflow_api import AirflowApi

DEMO_POSTS = 2_000
DEMO_SEED = 42
DEMO_STREAM = {"rate": 10, "duration_s": 60}
_SPEED_TABLES = ("pin", "geo", "user", "quarantine")
_ARRIVED_WITHIN_S = 120
_POLL_S = 2


def run_demo(say: Callable[[str], None]) -> None:
    """Start the world, provision, post, clean today, answer, stream; prints counts, answers and where to look.

    A source database that holds posts already is used as it is, and one of the user's own in any case.
    """
    from emulator.database import open_engine
    from emulator.generator import generate_posts
    from emulator.loading import load_posts
    from emulator.source import count_rows, create_tables
    from local import secret_store, world
    from local.process_environment import has_own_source, source_url
    from pinpipe_cli import output, reading
    from pinpipe_cli.airflow_api import AirflowApi
    from pinpipe_cli.report import fetch_report
    from pinpipe_cli.runs import follow_triggered_run, run_dag

    began = time.monotonic()
    say("== the local world")
    world.up(say)
    say("== the source database")
    engine = open_engine(source_url(secret_store.load()))
    if not has_own_source():
        create_tables(engine)
        if not count_rows(engine)["complete"]:
            load_posts(engine, generate_posts(DEMO_POSTS, DEMO_SEED))
    posts = count_rows(engine)["complete"]
    say(f"{posts} posts")
    api = AirflowApi(*world.login())
    say("== provision")
    run_dag(api, "provision", {}, say)
    say("== emulate_batch: posts through the API into Kafka")
    posting = run_dag(api, "emulate_batch", {"posts": min(posts, DEMO_POSTS), "selection": "sequential"}, say)
    days = api.xcom("emulate_batch", posting, "emulate")["days"]
    for day in days:
        say(f"== clean_batch of {day}")
        cleaning_began = datetime.now(UTC)
        run_dag(api, "clean_batch", {"day": day}, say)
    say("== analytics: triggered by the cleaned day")
    follow_triggered_run(api, "analytics", cleaning_began, say)
    say("== what is in the tables")
    for name in ("pin", "geo", "user"):
        say(f"serving.{name}: {reading.count(name)} rows")
    say(f"batch.quarantine: {reading.count('quarantine', 'batch')} rows")
    for question in ("Q2top", "Q5"):
        say(f"== {question}")
        output.print_rows(reading.answer(question), "table")
    _stream_a_minute(api, say)
    say(f"== done in {time.monotonic() - began:.0f} s")
    say(f"report:  {fetch_report()}")
    say("answers: .venv/bin/pinpipe query Q1   tables: .venv/bin/pinpipe table pin --day " + days[-1])
    say("status:  .venv/bin/pinpipe status     stop:   make down")
    say("stream:  .venv/bin/pinpipe stream status, it goes on until .venv/bin/pinpipe stream stop")


def _stream_a_minute(api: AirflowApi, say: Callable[[str], None]) -> None:
    """Have the stream run, post into it, and wait until all of that is in the speed layer.

    :raises LookupError: when the stream does not run, or the posts are not there within two minutes.
    """
    from pinpipe_cli import reading
    from pinpipe_cli.runs import run_dag
    from pinpipe_cli.stream import print_stream, see_to
    from pinpipe_cli.stream_status import stream_status

    def rows() -> dict[str, int]:
        return {name: reading.count(name, "speed") for name in _SPEED_TABLES}

    say("== the stream: begun by its supervisor")
    started = see_to("running", say)
    if not started["as_wished"]:
        raise LookupError(f"the stream does not run: {started['detail']}")
    before = rows()
    rate, duration_s = DEMO_STREAM["rate"], DEMO_STREAM["duration_s"]
    say(f"== emulate_stream: {rate} posts/s for {duration_s} s, through the API into Kinesis")
    posting = run_dag(api, "emulate_stream", DEMO_STREAM, say)
    receipt = api.xcom("emulate_stream", posting, "emulate")
    wanted = sum(before.values()) + sum(counts["accepted"] for counts in receipt["records"].values())
    deadline = time.monotonic() + _ARRIVED_WITHIN_S
    while (arrived := sum((found := rows()).values())) < wanted:
        if time.monotonic() > deadline:
            raise LookupError(
                f"the speed layer has {arrived} rows, {wanted} are wanted: see .venv/bin/pinpipe stream status"
            )
        time.sleep(_POLL_S)
    print_stream(stream_status(), say)
    for name, count in found.items():
        say(f"speed.{name}: {count} rows")
    for name in ("pin", "geo", "user"):
        say(f"serving.{name}: {reading.count(name)} rows of both layers")
