"""All at once, for as long as is asked for: posting, sinking, streaming and cleaning, while components are killed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bench.services import SinkProgress
from include.schema import DATASETS
from include.settings import settings
from tests.e2e.cleaned_days import assert_cleaned
from tests.e2e.kafka_log import end_offsets
from tests.faults import judgement
from tests.faults.activities.activity import Activity, begun
from tests.faults.activities.backfilling import Backfilling
from tests.faults.activities.provisioning import Provisioning
from tests.faults.background import Background, stop_all
from tests.faults.ledger import landed, log_since
from tests.faults.matrix import BACKFILLING, CLEANING, COMMITTING, PAIRS, POSTING, PROVISIONING, SINKING, STREAMING
from tests.faults.moments import (
    AWAY,
    HalfCommitted,
    MissedError,
    Tables,
    checkpoints,
    in_the_midst_of_a_batch,
    raw_keys,
    uncommitted,
)
from tests.faults.poster import Poster
from tests.faults.schedule import Kill
from tests.faults.stream_side import StreamSide
from tests.faults.suffering import MOMENT_WITHIN_S, STORING, end_well, kill_in_the_midst
from tests.faults.victims import Killed, NoSuchProcessError, wait_until_back
from tests.world import World

_ONGOING_MOMENT_WITHIN_S = 90.0
_CALM_S = 300.0


class Ongoing(Activity):
    """What a soak does throughout, caught at a moment; it is over when the soak is.

    :param name: of the activity.
    :param job: name of the Databricks job that takes part in it: each run of it does.
    :param moment: whether it has come.
    """

    dag_id = "clean_batch"

    def __init__(self, world: World, name: str, job: str, moment: Callable[[Ongoing], bool]) -> None:
        super().__init__(world)
        self.job = job
        self._name = name
        self._moment = moment

    def __str__(self) -> str:
        return self._name

    def begin(self) -> None:
        """Nothing: it goes on."""

    def again(self) -> None:
        """Nothing: it goes on."""

    def judge(self) -> None:
        """Nothing: the whole soak is judged at its end."""

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether the moment has come."""
        return self._moment(self)

    def is_part(self, run: dict[str, Any]) -> bool:
        """Return whether a run of the job is part of it."""
        return True

    def is_over(self) -> bool:
        """Return that it is not."""
        return False


class Today(Ongoing):
    """Runs of `clean_batch` for the present day, one after the other, caught while the job reads the day."""

    asks_for_job = True

    def __init__(self, world: World) -> None:
        super().__init__(world, CLEANING, "clean_batch", lambda today: today.job_reading() is not None)

    def begin(self) -> None:
        """Clean the day."""
        self.run_id = self.world.api.trigger(self.dag_id, {})

    def is_part(self, run: dict[str, Any]) -> bool:
        """Return whether the present run of the DAG has asked for a run of the job."""
        return Activity.is_part(self, run)


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
        except AWAY:  # Airflow or its database was killed a moment ago
            return
        end = self.today.end()
        self.ends[end.succeeded] += 1
        if not end.succeeded:
            print(f"           a run of clean_batch failed: {end.reason.splitlines()[-1].strip()}")


class Soak:
    """Everything that goes on, and what is killed of it.

    :param world: provisioned, its stream at work.
    :ivar missed: kills whose moment did not come, or for which no time was left.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._s3 = world.aws("s3")
        self._begun_at = datetime.now(UTC)
        self._ends = end_offsets(world.bootstrap)
        self._poster = Poster(world)
        self._streams = StreamSide(world)
        self._cleaner = Cleaner(world)
        self._progress = SinkProgress()
        self._backfilled: set[str] = set()  # keys of records that backfills have written, and compared
        self.missed = 0

    @property
    def trouble(self) -> dict[str, int]:
        """How often the topics' poster got each answer that was no acceptance."""
        return self._poster.trouble

    def run(self, kills: Iterable[Kill], minutes: float) -> None:
        """Let everything go on for so long, and kill what the schedule names when its moment has come."""
        self._began = time.monotonic()
        end = self._began + minutes * 60
        try:
            for thread in (self._poster, self._streams.poster, self._cleaner):
                thread.start()
            for each in kills:
                _sleep_until(self._began + each.at_s)
                if time.monotonic() < end:
                    self._kill(each)
                else:
                    self._miss(each, "no time was left for it")
            _sleep_until(end)
        finally:
            stop_all([self._poster, self._streams.poster, self._cleaner])

    def judge(self) -> None:
        """Compare all that went in with all that came out."""
        self._wait_until_landed()
        self._streams.settle()
        days = self._clean_days()
        log = log_since(self._world, self._ends)
        sent = {address: found for address, found in log.items() if found.key not in self._backfilled}
        faults = judgement.of_ledger(self._poster.ledger, sent)
        raw = landed(self._world, settings().topics.values())
        raw.rows = {address: row for address, row in raw.rows.items() if address in log}
        faults += judgement.of_raw_objects(log, raw)
        assert not faults, judgement.in_short(faults)
        assert_cleaned(self._world, days)
        self._progress.close()
        accepted = len(self._poster.ledger.accepted)
        print(
            f"topics: {accepted} records accepted, {len(sent)} in the log ({len(sent) - accepted} copies of attempts "
            f"without an answer), each in the raw objects, {', '.join(map(str, days))} cleaned as computed\n"
            f"streams: {self._streams.accepted} records accepted, {self._streams.read} in the streams, each once in "
            f"the speed layer\n"
            f"answers that were no acceptance: {self.trouble or 'none'}\n"
            f"runs of clean_batch: {self._cleaner.ends[True]} well, {self._cleaner.ends[False]} failed; "
            f"kills missed: {self.missed}"
        )

    def _kill(self, each: Kill) -> None:
        if each.activity in (PROVISIONING, BACKFILLING):
            self._kill_in_an_activity_of_its_own(each)
        elif each.victim == "ministack":
            self._kill_with_streams(each)
        else:
            self._kill_at_moment(self._ongoing(each), each, _ONGOING_MOMENT_WITHIN_S)

    def _kill_in_an_activity_of_its_own(self, each: Kill) -> None:
        """Begin what does not go on anyway, and see that it leads to what the matrix says."""
        activity = Provisioning(self._world) if each.activity == PROVISIONING else Backfilling(self._world)
        with begun(activity):
            self._kill_at_moment(activity, each, MOMENT_WITHIN_S)
            end_well(self._world, activity, PAIRS[each.victim, each.activity])
            if isinstance(activity, Backfilling):  # what `provision` has made shows as the soak goes on
                self._backfilled |= activity.keys
                activity.judge()

    def _kill_with_streams(self, each: Kill) -> None:
        """Kill what loses streams and API, when all that the streams held is read; then have them made anew."""
        self._streams.settle()
        if self._kill_at_moment(self._ongoing(each), each, _ONGOING_MOMENT_WITHIN_S):
            self._world.run("provision", {})
        self._streams.begin_anew()

    def _kill_at_moment(self, activity: Activity, each: Kill, within_s: float) -> Killed | None:
        try:
            killed = kill_in_the_midst(activity, each.victim, within_s=within_s)
        except (MissedError, NoSuchProcessError) as missed:
            self._miss(each, str(missed))
            return None
        wait_until_back(killed)
        print(f"{self._passed_s():7.0f} s  {each.victim} is back")
        return killed

    def _ongoing(self, each: Kill) -> Activity:
        """Return the activity of a kill with its moment."""
        if each.activity == CLEANING:
            return self._cleaner.today
        accepted = len(self._poster.ledger.accepted)
        half_committed = HalfCommitted(self._world)
        speed = Tables(self._world, "speed", DATASETS)
        moments: dict[str, Callable[[Ongoing], bool]] = {
            POSTING: lambda _: len(self._poster.ledger.accepted) > accepted,
            SINKING: lambda _: self._has_stored_and_not_committed() if each.victim in STORING else self._is_behind(),
            COMMITTING: lambda ongoing: half_committed.by(ongoing.job_reading()),
            STREAMING: lambda ongoing: speed.written() and in_the_midst_of_a_batch(checkpoints(self._s3, ongoing.job)),
        }
        job = "clean_stream" if each.activity == STREAMING else "clean_batch"
        return Ongoing(self._world, each.activity, job, moments[each.activity])

    def _has_stored_and_not_committed(self) -> bool:
        keys = raw_keys(self._s3, str(datetime.now(UTC).date()))
        return bool(uncommitted(keys, self._progress.committed()))

    def _is_behind(self) -> bool:
        return self._progress.landed() < self._progress.held()

    def _miss(self, each: Kill, why: str) -> None:
        self.missed += 1
        print(f"{self._passed_s():7.0f} s  {each.victim} while {each.activity}: {why}")

    def _passed_s(self) -> float:
        return time.monotonic() - self._began

    def _clean_days(self) -> list[date]:
        first, last = self._begun_at.date(), datetime.now(UTC).date()
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        for day in days:
            self._world.run("clean_batch", {"day": str(day)})
        return days

    def _wait_until_landed(self) -> None:
        deadline = time.monotonic() + _CALM_S
        while self._progress.landed() < self._progress.held():
            assert time.monotonic() < deadline, f"the sink has not stored everything after {_CALM_S:g} s"
            time.sleep(1)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
