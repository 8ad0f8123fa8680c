"""Streaming: `emulate_stream` posts into the streams through the API, and the running job cleans what comes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from include.schema import DATASETS
from tests.e2e.kinesis_log import read_streams
from tests.e2e.oracle.stream import StreamRecord
from tests.faults.activities.activity import Activity, End
from tests.faults.moments import Tables, checkpoints, in_the_midst_of_a_batch
from tests.faults.speed_judgement import Rows, assert_kept, of_speed_layer, rows_since
from tests.world import World

_RATE = 15
_POSTS = 600
_ALL_READ_WITHIN_S = 300.0


class Streaming(Activity):
    """A run of `emulate_stream` while the stream runs; caught when a micro-batch is at work, and others are written.

    :param posts: how many are posted.
    """

    dag_id = "emulate_stream"
    job = "clean_stream"

    def __init__(self, world: World, posts: int = _POSTS) -> None:
        super().__init__(world)
        self._posts = posts
        self._s3 = world.aws("s3")
        self._begun_at = datetime.now(UTC)
        self._kept: Rows = {}

    def begin(self) -> None:
        """Post at a steady rate."""
        self._tables = Tables(self.world, "speed", DATASETS)
        self._post()

    def again(self) -> None:
        """Post once more, after the streams have been made anew; what came of the old ones is to stay."""
        self._kept = rows_since(self._begun_at)
        self._begun_at = datetime.now(UTC)
        self._post()

    def is_in_its_midst(self, victim: str) -> bool:
        """Return whether a micro-batch is at work, and one has been written since posting began."""
        return self._tables.written() and in_the_midst_of_a_batch(checkpoints(self._s3, self.job))

    def is_part(self, run: dict[str, Any]) -> bool:
        """Return whether a run of the job is part of it: each is, whoever began it."""
        return True

    def task_at_work(self) -> str:
        """Return the task that posts."""
        return "emulate"

    def end(self) -> End:
        """Wait until posting has ended, and what was posted is in the speed layer."""
        end = super().end()
        if end.succeeded:
            deadline = time.monotonic() + _ALL_READ_WITHIN_S
            while (missing := len(self._records()) - sum(map(len, rows_since(self._begun_at).values()))) > 0:
                assert time.monotonic() < deadline, f"{missing} records are not read after {_ALL_READ_WITHIN_S:g} s"
                time.sleep(1)
        return end

    def judge(self) -> None:
        """See that the speed layer holds what follows from each record of the streams, each once."""
        records = self._records()
        receipt = self.world.api.xcom(self.dag_id, self.run_id, "emulate")
        accepted = sum(counts["accepted"] for counts in receipt["records"].values())
        assert accepted == 3 * self._posts
        assert accepted <= len(records) <= 2 * accepted, "a try that failed was followed by another"
        of_speed_layer(records, rows_since(self._begun_at))
        assert_kept(self._kept)
        print(f"{accepted} records accepted, {len(records)} in the streams, each once in the speed layer")

    def _post(self) -> None:
        conf = {"rate": _RATE, "posts": self._posts, "selection": "sequential"}
        self.run_id = self.world.api.trigger(self.dag_id, conf)

    def _records(self) -> list[StreamRecord]:
        return [record for record in read_streams(self.world) if record.arrived_at >= self._begun_at]
