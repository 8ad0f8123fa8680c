"""How far a streaming query has read Kinesis, from the offsets in its checkpoint.

Spark keeps ``offsets/<n>`` of each micro-batch, and ``commits/<n>`` once it is done. The format of an offset is its
source's: the project's own, or that of Databricks' source as its documentation shows it
(https://docs.databricks.com/aws/en/structured-streaming/stream-monitoring).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

type Positions = dict[str, dict[str, str]]
"""Sequence number of the last record that was processed, by stream and shard."""


def latest_commit(keys: Iterable[str]) -> int | None:
    """Return the number of the last micro-batch that is done, ``None`` where none is.

    :param keys: keys of a checkpoint's ``commits/``; temporary files are passed over.
    """
    names = (key.rpartition("/")[2] for key in keys)
    return max((int(name) for name in names if name.isdecimal()), default=None)


def positions_in(offsets: str) -> Positions:
    """Return the positions in a file of ``offsets/``.

    :raises ValueError: when its source is none that is known.
    """
    # A version, the micro-batch's metadata, then the offset of each source; there is one.
    lines = offsets.splitlines()
    if len(lines) != 3 or lines[0] != "v1":
        raise ValueError(f"this is no file of offsets of a query with one source: {offsets[:500]}")
    offset = json.loads(lines[2])
    try:
        return _of_databricks(offset) if isinstance(offset, list) else _of_own_source(offset)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"this is the offset of no known Kinesis source: {lines[2][:500]}") from error


def later(one: Mapping[str, Mapping[str, str]], other: Mapping[str, Mapping[str, str]]) -> Positions:
    """Return the later position of each shard; sequence numbers are numbers of up to 128 digits."""
    merged: Positions = {stream: dict(shards) for stream, shards in one.items()}
    for stream, shards in other.items():
        known = merged.setdefault(stream, {})
        for shard, position in shards.items():
            known[shard] = max(known.get(shard, position), position, key=int)
    return merged


def _of_own_source(offset: Mapping[str, Any]) -> Positions:
    return {
        stream: {shard: position["last"] for shard, position in shards.items() if position.get("last")}
        for stream, shards in offset["streams"].items()
    }


def _of_databricks(offset: list[Mapping[str, Any]]) -> Positions:
    positions: Positions = {}
    for entry in offset:
        last = str(entry.get("lastSeqNum"))
        if last.isdecimal():  # else nothing of the shard has been read
            positions.setdefault(entry["shard"]["stream"], {})[entry["shard"]["shardId"]] = last
    return positions
