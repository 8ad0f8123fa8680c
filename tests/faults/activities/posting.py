"""Posting: `emulate_batch` posts every post of the source through the API."""

from __future__ import annotations

from bench.services import SinkProgress
from emulator.payloads import RECORDS_PER_REQUEST
from include.settings import settings
from tests.e2e.kafka_log import end_offsets
from tests.faults import judgement
from tests.faults.activities.activity import Activity
from tests.faults.ledger import log_since
from tests.faults.source import FaultSource
from tests.world import World

_ACCEPTED = 1_500  # of 18,000, since it began or something was killed
# A request that a kill has left without an answer, and one that met what was just coming up.
_CUT_OFF = 2
# What is killed with the task itself, or takes the API away, has everything posted once more.
_POSTED_ANEW = {"worker", "scheduler", "postgres", "ministack"}


class Posting(Activity):
    """A run of `emulate_batch`.

    :param source: what it posts, each post once.
    """

    dag_id = "emulate_batch"

    def __init__(self, world: World, source: FaultSource) -> None:
        super().__init__(world)
        self._source = source
        self._tries = 0
        self._log: SinkProgress | None = None
        self._held: int | None = None

    def begin(self) -> None:
        """Note where the log ends, and post everything."""
        self._ends = end_offsets(self.world.bootstrap)
        self._log = SinkProgress()
        self.again()

    def again(self) -> None:
        """Post everything once more: what was posted before is posted again, which cleaning recognises."""
        conf = {"posts": self._source.posts, "selection": "sequential", "start": 0}
        self.run_id = self.world.api.trigger(self.dag_id, conf)
        self._tries += 1

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether some requests have been accepted, since the last kill where there was one."""
        assert self._log is not None
        held = self._log.held()
        if self._held is None:
            self._held = held
        return held - self._held >= _ACCEPTED

    def suffered(self, victim: str) -> None:
        """Count anew what is accepted."""
        super().suffered(victim)
        self._held = None

    def leave(self) -> None:
        """See that nothing is posted any more."""
        super().leave()
        if self._log is not None:
            self._log.close()

    def task_at_work(self) -> str:
        """Return the task that posts."""
        return "emulate"

    def judge(self) -> None:
        """See that the log has got every record that the source holds, as it is there, and nothing else."""
        found = log_since(self.world, self._ends)
        # A request without an answer is sent again by the emulator; a try that failed, by Airflow.
        faults = judgement.of_known(self._source.records, found, attempts=2 + 2 * self._tries)
        assert not faults, judgement.in_short(faults)
        receipt = self.world.api.xcom(self.dag_id, self.run_id, "emulate")
        accepted = {topic: {"posted": self._source.posts, "failed": 0} for topic in settings().topics.values()}
        assert receipt["records"] == accepted
        surplus = len(found) - len(self._source.records)
        if not _POSTED_ANEW & {*self.victims}:
            in_flight = settings().emulate_in_flight * RECORDS_PER_REQUEST
            assert surplus <= receipt["retries"] * RECORDS_PER_REQUEST, (
                f"{surplus} copies, {receipt['retries']} retries"
            )
            assert surplus <= _CUT_OFF * in_flight * len(self.victims), f"{surplus} copies, {in_flight} in flight"
        print(f"{len(self._source.records)} records of {self._source.posts} posts; {surplus} copies more in the log")
