"""A backfill of some past days: one is done, another is being cleaned."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from datetime import time as time_of_day
from typing import Any

from tests.e2e.cleaned_days import assert_cleaned
from tests.e2e.databricks_jobs import runs
from tests.e2e.posts import write_to_kafka
from tests.faults.activities.activity import Activity, End, next_day, next_numbers
from tests.faults.moments import AWAY
from tests.world import World

_DAYS = 3
_POSTS = 60
_ENDS_WITHIN_S = 1_200.0


class Backfilling(Activity):
    """A backfill of `clean_batch`, run by run.

    :ivar keys: of the records of its days.
    """

    dag_id = "clean_batch"
    asks_for_job = True

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.days = [next_day() for _ in range(_DAYS)]
        self.keys: set[str] = set()
        self._behavior = "none"
        self._backfill: dict[str, Any] = {}

    def begin(self) -> None:
        """Write the days' records to the log, and ask for the backfill."""
        for day in self.days:
            numbers = next_numbers(_POSTS)
            self.keys.update(map(str, numbers))
            write_to_kafka(self.world, numbers, datetime.combine(day, time_of_day(12), UTC))
        self.again()

    def again(self) -> None:
        """Ask for the backfill; after a first one, of the days that failed."""
        body = {
            "dag_id": self.dag_id,
            "from_date": f"{self.days[0]}T00:00:00Z",
            "to_date": f"{self.days[-1]}T00:00:00Z",
            "reprocess_behavior": self._behavior,
            "max_active_runs": 1,
        }
        self._backfill = self.world.api.call("POST", "backfills", json=body)
        self._behavior = "failed"

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether one day is clean and the job reads another."""
        return self._is_at_a_later_day() and self.job_reading() is not None

    def is_about_to_ask(self) -> bool:
        """Return whether one day is clean, and a worker is about to ask for another."""
        return self._is_at_a_later_day() and super().is_about_to_ask()

    def is_over(self) -> bool:
        """Return whether the backfill is complete."""
        try:
            return bool(self.world.api.call("GET", f"backfills/{self._backfill['id']}")["completed_at"])
        except AWAY:
            return False

    def leave(self) -> None:
        """Cancel what has not been done."""
        with suppress(*AWAY):
            if self._backfill and not self.is_over():
                self.world.api.call("PUT", f"backfills/{self._backfill['id']}/cancel")
                for run in self._runs():
                    self.fail_unless_ended(str(run["dag_run_id"]))

    def end(self) -> End:
        """Wait until the backfill is complete; it ends well where every run of it does."""
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while not self.is_over():
            assert time.monotonic() < deadline, f"the backfill is not complete after {_ENDS_WITHIN_S:g} s"
            time.sleep(1)
        ends = [self.end_of(str(run["dag_run_id"])) for run in self._runs()]
        assert len(ends) == _DAYS
        return End(all(end.succeeded for end in ends), "; ".join(end.reason for end in ends if end.reason))

    def judge(self) -> None:
        """See that every day holds what follows from the log, each written by one run."""
        self.see_that_job_was_asked_for_again()
        assert_cleaned(self.world, self.days)
        job_runs = len(runs(self.world, "pinpipe-clean_batch"))
        print(f"{_DAYS} days of {3 * _POSTS} records; {job_runs} runs of the job so far")

    def _is_at_a_later_day(self) -> bool:
        """Return whether one day is clean and another is in work, whose run it then is."""
        found = self._runs()
        active = [run for run in found if run["state"] == "running"]
        if not active or all(run["state"] != "success" for run in found):
            return False
        self.run_id = str(active[0]["dag_run_id"])
        return True

    def _runs(self) -> list[dict[str, Any]]:
        within = {
            "logical_date_gte": f"{self.days[0]}T00:00:00Z",
            "logical_date_lte": f"{self.days[-1]}T00:00:00Z",
        }
        return self.world.api.runs(self.dag_id, **within)
