"""Everything that the page asks, kept between requests: one for each process of Airflow's API server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from include.settings import Settings, settings
from pinpipe_airflow.page.days import DayLooks, Run, window
from pinpipe_airflow.page.probes import Probes
from pinpipe_airflow.page.question import Question, look, refresh_all
from pinpipe_airflow.page.receipt_shelf import BriskStreamControlHook, ReceiptShelf
from pinpipe_airflow.page.runs import Runs, read_run_of_day, read_runs
from pinpipe_airflow.page.stations import Looks

# How long a request waits for what is not known yet; the page fetches the rest itself.
PATIENCE_S = 0.4


class Pipeline:
    """Asks all services at the same time and waits for none of them.

    :param wanted: the settings.
    :param shelf: the receipts.
    :param probes: the services.
    :param runs: Airflow's database; takes the first day and ``settle_minutes``.
    :param run_of_day: the same of one day; takes it and ``settle_minutes``.
    """

    def __init__(
        self,
        wanted: Settings,
        shelf: ReceiptShelf,
        probes: Probes,
        runs: Callable[[date, int], Runs] = read_runs,
        run_of_day: Callable[[date, int], Run | None] = read_run_of_day,
    ) -> None:
        self.wanted = wanted
        self._shelf = shelf
        self._run_of_day = run_of_day
        self._topics = topics = [*wanted.topics.values(), wanted.dead_letter_topic]
        self._questions: dict[str, Question[Any]] = {
            "cleaned": Question(shelf.cleaned_days, 5),
            "runs": Question(lambda: runs(window(_today())[0], wanted.settle_minutes), 3),
            "stream": Question(probes.stream, 3),
            "job": Question(probes.job, 10),
            "answered": Question(shelf.answered, 15),
            "raw": Question(lambda: shelf.newest_raw_object(topics), 15),
            "kafka": Question(probes.kafka, 8),
            "connector": Question(probes.connector, 15),
            "kinesis": Question(probes.kinesis, 30),
            "api": Question(probes.api_stage, 120),
            "late": Question(lambda: shelf.late_days(topics), 60),
        }
        self._threads = ThreadPoolExecutor(len(self._questions), thread_name_prefix="pinpipe-page")

    def looks(self, patience_s: float = PATIENCE_S) -> Looks:
        """Return what is known, after waiting a little for what is being asked."""
        refresh_all(self._questions.values(), self._threads, patience_s)
        return Looks(**{name: question.seen for name, question in self._questions.items()})

    def of_day(self, day: date) -> DayLooks:
        """Look one day up, however long ago it is, and wait for it."""
        with ThreadPoolExecutor(3, thread_name_prefix="pinpipe-day") as threads:
            receipt = threads.submit(look, lambda: self._shelf.cleaned_day(day))
            late = threads.submit(look, lambda: self._shelf.late_day(day, self._topics))
            run = threads.submit(look, lambda: self._run_of_day(day, self.wanted.settle_minutes))
            return DayLooks(receipt.result(), late.result(), run.result())

    @property
    def sink_rotates(self) -> timedelta:
        """After how long the sink stores what it has, at the latest."""
        return timedelta(milliseconds=self.wanted.sink_rotate_ms)

    @property
    def settle(self) -> timedelta:
        """How long after midnight UTC the cleaning of the day before begins."""
        return timedelta(minutes=self.wanted.settle_minutes)


@cache
def pipeline() -> Pipeline:
    """Return this process's."""
    wanted = settings()
    control = BriskStreamControlHook(wanted.bucket, aws_conn_id=wanted.aws_conn_id, region_name=wanted.region)
    return Pipeline(wanted, ReceiptShelf(control), Probes(wanted, control))


def _today() -> date:
    return datetime.now(UTC).date()
