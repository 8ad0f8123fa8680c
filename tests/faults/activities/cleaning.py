"""Cleaning a day: while the job reads, and while it commits table after table."""

from __future__ import annotations

from datetime import UTC, datetime, time

from include.settings import settings
from tests.e2e.cleaned_days import assert_cleaned
from tests.e2e.kafka_log import end_offsets
from tests.e2e.posts import write_to_kafka
from tests.faults import judgement
from tests.faults.activities.activity import Activity, next_day, next_numbers
from tests.faults.ledger import landed, log_since
from tests.faults.moments import HalfCommitted
from tests.world import World


class Cleaning(Activity):
    """A run of `clean_batch` for a day of its own; caught while its job reads the day.

    :param posts: how many posts the day has.
    """

    dag_id = "clean_batch"
    asks_for_job = True

    def __init__(self, world: World, posts: int = 120) -> None:
        super().__init__(world)
        self.day = next_day()
        self.posts = posts
        self._written: set[str] = set()

    def begin(self) -> None:
        """Write the day's records to the log, and clean it."""
        self.ends = end_offsets(self.world.bootstrap)
        self.write(self.posts)
        self.again()

    def again(self) -> None:
        """Clean the day once more."""
        self.run_id = self.world.api.trigger(self.dag_id, {"day": str(self.day)})

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether the job reads the day."""
        return self.job_reading() is not None

    def write(self, posts: int) -> None:
        """Write the records of so many posts of the day to the log."""
        numbers = next_numbers(posts)
        self._written.update(map(str, numbers))
        write_to_kafka(self.world, numbers, datetime.combine(self.day, time(12), UTC))

    def judge(self) -> None:
        """See that log, raw objects and tables of the day agree row by row, and that one run has written all tables."""
        self.see_that_job_was_asked_for_again()
        since = log_since(self.world, self.ends)
        log = {address: found for address, found in since.items() if found.key in self._written}
        of_day = landed(self.world, settings().topics.values(), str(self.day))
        faults = judgement.of_raw_objects(log, of_day)
        assert not faults, judgement.in_short(faults)
        assert len(log) == 3 * len(self._written) == 3 * self.posts
        assert_cleaned(self.world, [self.day])
        twice = sum(copies > 1 for copies in of_day.copies.values())
        print(f"{self.day}: {len(log)} records, {twice} of them in two raw objects, {len(self.job_runs())} job runs")


class Committing(Cleaning):
    """The same; caught while some tables have the day of its own job run, and others do not.

    :param anew: whether the day has been cleaned before, with fewer records, so that there is something to replace.
    """

    def __init__(self, world: World, *, anew: bool = True) -> None:
        super().__init__(world)
        self._anew = anew
        self._half_committed = HalfCommitted(world)

    def begin(self) -> None:
        """Clean the day, where it is to be done anew for the second time."""
        super().begin()
        if self._anew:
            end = self.end()
            assert end.succeeded, end.reason
            self.write(self.posts)
            self.posts *= 2
            self.again()

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether the job has written the day into some tables, but not all."""
        return self._half_committed.by(self.job_reading())
