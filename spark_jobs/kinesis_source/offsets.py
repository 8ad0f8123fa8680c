"""The offsets of the source: how far each shard is read, as Spark keeps it in a checkpoint.

``{"version": 1, "number": 17, "streams": {"p-pin": {"shardId-000000000000":
{"first": "4960…", "last": "4961…", "read_until": "2026-01-31T10:00:00+00:00"}}}}``
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from spark_jobs.kinesis_source.errors import OffsetError

_VERSION = 1


class ShardKey(NamedTuple):
    """A shard of a stream, by names."""

    stream: str
    shard_id: str

    def __str__(self) -> str:
        return f"shard {self.shard_id} of stream {self.stream!r}"


@dataclass(frozen=True)
class Position:
    """How far a shard is read.

    :param begin: where reading begins while nothing is read: with what arrived then or later; NULL: with the oldest.
    :param first: sequence number of the first record of the last batch that had any of this shard. It stands here, in
        the batch's end, as its start need not know it: a new query's start is not written down, and a record that has
        gone since would shift it. So a batch that is read again is exactly what it was.
    :param last: sequence number of the last record read.
    :param read_until: Kinesis' time before which nothing arrived, in the shard or its children, that was not read.
    :param ended: whether the shard is closed and read to its end.
    """

    begin: datetime | None = None
    first: str | None = None
    last: str | None = None
    read_until: datetime | None = None
    ended: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what is neither empty nor false."""
        told = {
            "begin": self.begin.isoformat() if self.begin else None,
            "first": self.first,
            "last": self.last,
            "read_until": self.read_until.isoformat() if self.read_until else None,
            "ended": self.ended or None,
        }
        return {name: value for name, value in told.items() if value is not None}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Position:
        """Return the position that :meth:`to_json` told."""
        moments = {name: datetime.fromisoformat(told[name]) for name in ("begin", "read_until") if name in told}
        return cls(**{**told, **moments})

    def outdated_by(self, newer: Position, interval: timedelta) -> bool:
        """Return whether ``newer`` says something that has to be kept although no record was read."""
        if self.ended != newer.ended:
            return True
        if self.read_until is None or newer.read_until is None:
            return self.read_until != newer.read_until
        return newer.read_until - self.read_until >= interval


class Range(NamedTuple):
    """Records of a shard, from and to a sequence number, both of them included."""

    shard: ShardKey
    first: str
    last: str


@dataclass(frozen=True)
class Offset:
    """How far everything is read.

    :param number: how many offsets came before; two that follow each other enclose a batch.
    """

    number: int = 0
    positions: Mapping[ShardKey, Position] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the offset as Spark keeps it; the same for equal offsets, in the order of names."""
        streams: dict[str, dict[str, Any]] = {}
        for shard, position in sorted(self.positions.items(), key=lambda item: item[0]):
            streams.setdefault(shard.stream, {})[shard.shard_id] = position.to_json()
        return {"version": _VERSION, "number": self.number, "streams": streams}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Offset:
        """Return the offset that :meth:`to_json` told.

        :raises OffsetError: when it is of another source, or of a later version.
        """
        try:
            if told["version"] != _VERSION:
                raise OffsetError(
                    f"the checkpoint's offset is of version {told['version']}, known is {_VERSION}: {told}"
                )
            positions = {
                ShardKey(stream, shard_id): Position.from_json(position)
                for stream, shards in told["streams"].items()
                for shard_id, position in shards.items()
            }
            return cls(int(told["number"]), positions)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, OffsetError):
                raise
            raise OffsetError(
                f"the checkpoint's offset is none of this Kinesis source's ({told}): give the query a checkpoint "
                "of its own"
            ) from error

    def next(self, positions: Mapping[ShardKey, Position]) -> Offset:
        """Return the offset that follows."""
        return replace(self, number=self.number + 1, positions=dict(positions))

    def ranges_since(self, start: Offset) -> list[Range]:
        """Return what was read between the offset before and this one, by shard.

        :raises OffsetError: when ``start`` is not the offset before.
        """
        if self.number != start.number + 1:
            raise OffsetError(
                f"offset {self.number} does not follow offset {start.number}: begin with a new checkpoint"
            )
        nothing = Position()
        return [
            Range(shard, position.first, position.last)
            for shard, position in sorted(self.positions.items(), key=lambda item: item[0])
            if position.first and position.last and position.last != start.positions.get(shard, nothing).last
        ]
