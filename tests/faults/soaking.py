"""All at once, for as long as is asked for: posting, sinking, streaming and cleaning, while components are killed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from confluent_kafka import KafkaException

from bench.services import SinkProgress
from include import layout
from include.schema import DATASETS
from include.settings import settings
from pinpipe_cli.airflow_api import AirflowApiError
from tests.e2e.cleaned_days import assert_cleaned
from tests.e2e.kafka_log import end_offsets
from tests.e2e.kinesis_log import read_streams
from tests.faults import judgement
from tests.faults.activities.activity import Activity
from tests.faults.background import Background
from tests.faults.ledger import landed, log_since
from tests.faults.matrix import CLEANING, COMMITTING, POSTING, SINKING, STREAMING
from tests.faults.moments import MissedError, Tables, await_moment, checkpoint_keys, in_the_midst_of_a_batch, raw_keys
from tests.faults.poster import Poster
from tests.faults.schedule import Kill
from tests.faults.speed_judgement import of_speed_layer, rows_since
from tests.faults.stream_poster import StreamPoster
from tests.faults.victims import NoSuchProcessError, kill, wait_until_back
from tests.world import World

_MOMENT_WITHIN_S = 90.0
_CALM_S = 300.0


class Today(Activity):
    """Runs of `clean_batch` for the present day, one after the other."""

    dag_id = "clean_batch"

    def begin(self) -> None:
        """Clean the day."""
        self.run_id = self.world.api.trigger(self.dag_id, {})

    again = begin

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether the job reads the day."""
        return bool(self.run_id) and self.job_reads()

    def judge(self) -> None:
        """Nothing: the whole soak is judged at its end."""


class Cleaner(Background):
    """Cleans the present day again and again.

    :ivar ends: how many runs ended well, and how many did not.
    """

    def __init__(self, world: World) -> None:
        super().__init__(every_s=1)
        self.today = Today(world)
        self.ends: Counter[bool] = Counter()

    def round(self) -> None:
        """Clean the day, and say why where that fails."""
        try:
            self.today.begin()
        except AirflowApiError:  # Airflow or its database was killed a moment ago
            return
        end = self.today.end()
        self.ends[end.succeeded] += 1
        if not end.succeeded:
            print(f"           a run of clean_batch failed: {end.reason.splitlines()[-1].strip()}")


class Soak:
    """Everything that goes on, and what is killed of it.

    :param world: provisioned, its stream at work.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._begun_at = datetime.now(UTC)
        self._ends = end_offsets(world.bootstrap)
        self._poster = Poster(world)
        self._stream_poster = StreamPoster(world)
        self._cleaner = Cleaner(world)
        self._progress = SinkProgress()
        self.missed = 0

    def run(self, kills: Iterable[Kill], minutes: float) -> None:
        """Let everything go on for so long, and kill what the schedule names when its moment has come."""
        began = time.monotonic()
        for thread in (self._poster, self._stream_poster, self._cleaner):
            thread.start()
        for each in kills:
            _sleep_until(began + each.at_s)
            self._kill(each, began)
        _sleep_until(began + minutes * 60)
        self._poster.stop()
        self._stream_poster.stop()
        self._cleaner.stop()

    def judge(self) -> None:
        """Compare all that went in with all that came out."""
        self._wait_until(lambda: self._progress.landed() >= self._progress.held(), "the sink has stored everything")
        records = [record for record in read_streams(self._world) if record.arrived_at >= self._begun_at]
        self._wait_until(
            lambda: sum(map(len, rows_since(self._begun_at).values())) >= len(records), "the stream has read everything"
        )
        days = self._clean_days()
        log = log_since(self._world, self._ends)
        faults = judgement.of_ledger(self._poster.ledger, log)
        faults += self._stream_poster.faults(records)
        raw = landed(self._world, settings().topics.values())
        of_soak = {address: row for address, row in raw.rows.items() if address in log}
        raw.rows = of_soak
        faults += judgement.of_raw_objects(log, raw)
        assert not faults, judgement.in_short(faults)
        assert_cleaned(self._world, days)
        of_speed_layer(records, rows_since(self._begun_at))
        accepted = len(self._poster.ledger.accepted)
        print(
            f"topics: {accepted} records accepted, {len(log)} in the log ({len(log) - accepted} copies of attempts "
            f"without an answer), each in the raw objects, {', '.join(map(str, days))} cleaned as computed\n"
            f"streams: {len(self._stream_poster.accepted)} records accepted, {len(records)} in the streams, each once "
            f"in the speed layer\n"
            f"answers that were no acceptance: {self._poster.trouble or 'none'}\n"
            f"runs of clean_batch: {self._cleaner.ends[True]} well, {self._cleaner.ends[False]} failed; "
            f"moments missed: {self.missed}"
        )

    def _kill(self, each: Kill, began: float) -> None:
        tables = Tables(self._world, "batch", layout.BATCH_TABLES)
        speed = Tables(self._world, "speed", DATASETS)
        before = raw_keys(self._world)
        accepted = len(self._poster.ledger.accepted)
        job = "clean_stream" if each.activity == STREAMING else "clean_batch"
        instances = {"task_instance": ""}

        def has_come() -> bool:
            if each.victim == "worker":
                if not self._cleaner.today.has_submitted_and_not_deferred():
                    return False
                instances["task_instance"] = str(self._cleaner.today.task_instance()["id"])
                return True
            return {
                POSTING: lambda: len(self._poster.ledger.accepted) > accepted,
                SINKING: lambda: raw_keys(self._world) != before and self._progress.landed() < self._progress.held(),
                CLEANING: lambda: self._cleaner.today.is_in_its_midst(each.victim),
                COMMITTING: tables.partly_written,
                STREAMING: lambda: speed.written() and in_the_midst_of_a_batch(checkpoint_keys(self._world, job)),
            }[each.activity]()

        killed = []

        def taken() -> bool:
            try:
                if has_come():
                    killed.append(kill(each.victim, job=job, **instances))
            except (AirflowApiError, KafkaException, NoSuchProcessError, KeyError):
                return False  # away, after an earlier kill, or not there yet
            return bool(killed)

        try:
            await_moment(taken, lambda: False, within_s=_MOMENT_WITHIN_S)
        except MissedError as missed:
            self.missed += 1
            print(f"{time.monotonic() - began:7.0f} s  {each.victim} while {each.activity}: {missed}")
            return
        wait_until_back(killed[0])
        print(f"{time.monotonic() - began:7.0f} s  killed {killed[0]} while {each.activity}; it is back")

    def _clean_days(self) -> list[date]:
        first, last = self._begun_at.date(), datetime.now(UTC).date()
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        for day in days:
            self._world.run("clean_batch", {"day": str(day)})
        return days

    def _wait_until(self, condition: object, what: str) -> None:
        deadline = time.monotonic() + _CALM_S
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < deadline, f"not within {_CALM_S:g} s: {what}"
            time.sleep(1)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
