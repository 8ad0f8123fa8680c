"""What a soak puts into the streams, and what comes of it in the speed layer: era by era, as streams are made anew."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from tests.e2e.kinesis_log import read_streams
from tests.faults.judgement import in_short
from tests.faults.speed_judgement import Rows, assert_kept, of_speed_layer, rows_since
from tests.faults.stream_poster import StreamPoster
from tests.world import World

_ALL_READ_WITHIN_S = 300.0


class StreamSide:
    """Posts into the streams while an era of them lasts, and compares what was posted with what was made of it.

    :param world: provisioned, its stream at work.
    :ivar poster: of the present era.
    :ivar accepted: records accepted in all eras that were compared.
    :ivar read: records that the streams held in them.
    """

    def __init__(self, world: World) -> None:
        self.accepted = self.read = 0
        self._world = world
        self._earlier: list[Rows] = []
        self._begin()

    def begin_anew(self) -> None:
        """Begin another era, whose streams may be others, and post into them."""
        self._begin()
        self.poster.start()

    def settle(self) -> None:
        """Post nothing more, wait until the stream has read everything, and see that each record has its row, once."""
        self.poster.stop()
        records = [record for record in read_streams(self._world) if record.arrived_at >= self._begun_at]
        deadline = time.monotonic() + _ALL_READ_WITHIN_S
        while (missing := len(records) - sum(map(len, rows_since(self._begun_at).values()))) > 0:
            assert time.monotonic() < deadline, f"{missing} records are not read after {_ALL_READ_WITHIN_S:g} s"
            time.sleep(1)
        faults = self.poster.faults(records)
        assert not faults, in_short(faults)
        rows = rows_since(self._begun_at)
        of_speed_layer(records, rows)
        for earlier in self._earlier:
            assert_kept(earlier)
        self._earlier.append(rows)
        self.accepted += len(self.poster.accepted)
        self.read += len(records)

    def _begin(self) -> None:
        self._begun_at = datetime.now(UTC).replace(microsecond=0)  # of an arrival only the second is known
        self.poster = StreamPoster(self._world)
