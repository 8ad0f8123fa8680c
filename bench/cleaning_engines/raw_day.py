"""A day of raw pin objects on disk, as the sink writes them, with the dirt and the repeats that a day has."""

from __future__ import annotations

import hashlib
import inspect
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path
from random import Random

from bench.cleaning_engines.serving import DAY, PIPELINE_ID
from emulator import generator, payloads
from emulator.generator import generate_posts
from emulator.payloads import records_of
from include import layout
from include.settings import settings

PARTITIONS = 3

_SEED = 20240229
_DIFFERENT = 100_000  # beyond it contents repeat under other keys: a day is to be made in seconds
_REPEATED = 0.02  # share of records with the key of an earlier one
_REDELIVERED = 0.005  # share of lines that stand twice
_BROKEN = 0.005  # share of records that break a rule
_EXTENDED = 0.005  # share of records with a field that the contract does not know
_DAY_START_MS = int(datetime.fromisoformat(DAY).replace(tzinfo=UTC).timestamp() * 1000)


def raw_day(folder: Path, pins: int) -> Path:
    """Return the root of a day of about ``pins`` raw lines under ``folder``; it is made once and kept.

    Every run makes the same bytes, until the code that makes them changes.
    """
    root = folder / f"pins-{pins}-{_version()}"
    if (root / "complete").exists():
        return root
    shutil.rmtree(root, ignore_errors=True)
    prefix = root / layout.raw_prefix(layout.topic(PIPELINE_ID, "pin"), DAY)
    prefix.mkdir(parents=True, exist_ok=True)
    values = _values(min(pins, _DIFFERENT))
    for partition in range(PARTITIONS):
        for chunk in batched(_lines(partition, pins, values), settings().sink_flush_size):
            name = f"{layout.topic(PIPELINE_ID, 'pin')}+{partition}+{chunk[0][0]:010d}.json"
            (prefix / name).write_bytes(b"".join(line for _, line in chunk))
    (root / "complete").touch()
    return root


def _version() -> str:
    """Return what stands for the code and the settings that the bytes depend on."""
    sources = [inspect.getsource(module) for module in (sys.modules[__name__], generator, payloads)]
    return hashlib.sha256("\0".join([*sources, str(settings().sink_flush_size)]).encode()).hexdigest()[:8]


def _lines(partition: int, pins: int, values: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield offset and line of a partition; ``values`` come again and again, under new keys."""
    draw = Random(_SEED + partition)  # nosec B311 # noqa: S311 - bytes to repeat, not a secret
    topic = layout.topic(PIPELINE_ID, "pin")
    for offset, number in enumerate(range(partition, pins, PARTITIONS)):
        value = values[number % len(values)]
        chance = draw.random()
        if _BROKEN <= chance < _BROKEN + _REPEATED and number >= PARTITIONS:
            number = draw.randrange(partition, number, PARTITIONS)
        timestamp = _DAY_START_MS + 86_399_999 * offset * PARTITIONS // (pins + PARTITIONS)
        address = f',"_topic":"{topic}","_partition":{partition},"_offset":{offset},"_timestamp":{timestamp}}}\n'
        extra = b',"board":"b%d"' % number if chance > 1 - _EXTENDED else b""
        line = _with_key(value, number)[:-1] + extra + address.encode()
        if chance < _BROKEN:
            line = _broken(line, draw)
        yield offset, line
        if draw.random() < _REDELIVERED:
            yield offset, line


def _values(count: int) -> list[bytes]:
    """Return the values of the generator's first ``count`` pins, as they go over the wire."""
    posts = generate_posts(count, _SEED)
    return [record.value for post in posts for name, record in records_of(post) if name == "pin"]


def _with_key(value: bytes, number: int) -> bytes:
    """Return the value with the keys of pin ``number``: ``{"index":N,"unique_id":"xxxxxxxx-…`` is how each begins."""
    _, mark, rest = value.partition(b'"unique_id":"')
    if rest[36:37] != b'"':
        return value  # the pin that is all zeros
    return b'{"index":%d,%s%08x-0000-4000-8000-%012x%s' % (number, mark, number, number, rest[36:])


def _broken(line: bytes, draw: Random) -> bytes:
    match draw.randrange(3):
        case 0:  # cut within a text, between two characters
            begun, mark, _ = line.partition(b'"title":"')
            return begun + mark + b"\n"
        case 1:
            record = {**json.loads(line), "follower_count": "many"}
        case _:
            record = {**json.loads(line), "category": ""}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
