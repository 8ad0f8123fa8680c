"""The commits of the speed layer as a reader beside the stream meets them: when each was there, and what it holds."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from deltalake import DeltaTable
from pyarrow import parquet

from bench.stream_posting import Address
from include import layout
from include.schema import DATASETS
from include.settings import settings
from pinpipe_cli.reading import storage_options

TABLES = (*DATASETS, "quarantine")
LOOKS_EVERY_S = 0.1

_ADDRESS = ["stream", "shard", "sequence_number"]
_STOPS_WITHIN_S = 60


@dataclass(frozen=True)
class Append:
    """What a micro-batch appended to a table.

    :param seen_at: when its commit was there for a reader, seconds since the epoch; up to 0.1 s late.
    :param run: the job's run that committed it.
    :param batch: number of the micro-batch.
    :param arrived_at: when each record had arrived in its stream.
    """

    table: str
    seen_at: float
    run: str
    batch: int
    arrived_at: dict[Address, float]


class Commits:
    """Looks for new versions of the speed tables while a ``with`` block runs; what they hold is read when asked for.

    To look costs a small request per table ten times a second. What commits hold is better read when no time is taken.

    :ivar visible_at: when each record could be read first.
    :ivar appends: of all commits that were read, in the order of their being seen within a table.
    :ivar doubled: records that were appended once more.
    :ivar live_files: of each table, when it had how many, as its commits tell.
    """

    def __init__(self) -> None:
        self.visible_at: dict[Address, float] = {}
        self.appends: list[Append] = []
        self.doubled: list[Address] = []
        self.live_files: dict[str, list[tuple[float, int]]] = {}
        self._paths = {name: layout.table_path(settings().lake_root, "speed", name) for name in TABLES}
        self._next: dict[str, int] = {}
        self._seen: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self._read: dict[str, int] = dict.fromkeys(TABLES, 0)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._look, name="commits", daemon=True)

    def __enter__(self) -> Self:
        for name, path in self._paths.items():
            table = DeltaTable(path, storage_options=storage_options())
            self._next[name] = table.version() + 1
            self.live_files[name] = [(time.time(), len(table.file_uris()))]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(_STOPS_WITHIN_S)

    def read(self) -> list[Append]:
        """Read what the commits hold that were seen since the last time; return their appends.

        :raises RuntimeError: when the tables could not be looked at.
        """
        if self._error is not None:
            raise RuntimeError(f"the speed tables could not be looked at: {self._error}") from self._error
        s3 = _s3()
        appends = [
            append
            for name in TABLES
            for version, seen_at in self._unread(name)
            if (append := self._read_commit(s3, name, version, seen_at))
        ]
        self.appends += appends
        return appends

    def wait_for(self, records: Iterable[Address], timeout_s: float, every_s: float = 2.0) -> None:
        """Wait until all records can be read.

        :raises TimeoutError: when not all can in time.
        """
        missing = set(records)
        deadline = time.monotonic() + timeout_s
        while True:
            self.read()
            missing -= self.visible_at.keys()
            if not missing:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(missing)} records cannot be read after {timeout_s:g} s: {min(missing)}, …")
            time.sleep(every_s)

    def check_once(self) -> None:
        """See that no record was appended twice.

        :raises RuntimeError: when one was.
        """
        if self.doubled:
            raise RuntimeError(f"{len(self.doubled)} records were appended twice: {self.doubled[0]}, …")

    def log_objects(self) -> int:
        """Return how many objects the tables' logs have."""
        return sum(count_objects(f"{path}/_delta_log/") for path in self._paths.values())

    def _look(self) -> None:
        s3 = _s3()
        try:
            while not self._stop.wait(LOOKS_EVERY_S):
                for name, path in self._paths.items():
                    while _is_there(s3, _log_entry(path, self._next[name])):
                        with self._lock:
                            self._seen[name].append((self._next[name], time.time()))
                        self._next[name] += 1
        except Exception as error:  # told by who reads
            self._error = error

    def _unread(self, name: str) -> list[tuple[int, float]]:
        with self._lock:
            found = self._seen[name][self._read[name] :]
        self._read[name] += len(found)
        return found

    def _read_commit(self, s3: Any, name: str, version: int, seen_at: float) -> Append | None:
        path = self._paths[name]
        lines = _get(s3, _log_entry(path, version)).splitlines()
        actions = [json.loads(line) for line in lines]
        added = [action["add"]["path"] for action in actions if "add" in action]
        removed = sum("remove" in action for action in actions)
        self.live_files[name].append((seen_at, self.live_files[name][-1][1] + len(added) - removed))
        told = next((action["commitInfo"].get("userMetadata") for action in actions if "commitInfo" in action), None)
        if removed or not added or not told:
            return None
        mark = json.loads(told)
        arrived_at: dict[Address, float] = {}
        for file in added:
            rows = parquet.read_table(
                BytesIO(_get(s3, f"{path}/{unquote(file)}")), columns=[*_ADDRESS, "ingested_at"], partitioning=None
            )
            addresses = map(Address, *(rows[column].to_pylist() for column in _ADDRESS))
            for address, arrived in zip(addresses, rows["ingested_at"].to_pylist(), strict=True):
                if self.visible_at.setdefault(address, seen_at) != seen_at or address in arrived_at:
                    self.doubled.append(address)
                arrived_at[address] = arrived.timestamp()
        return Append(name, seen_at, mark["run"], mark["batch"], arrived_at)


def count_objects(url: str) -> int:
    """Return how many objects have keys that begin as ``url`` says, ``s3://<bucket>/<prefix>``."""
    parts = urlsplit(url)
    pages = _s3().get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=parts.path.lstrip("/"))
    return sum(page["KeyCount"] for page in pages)


def heartbeat() -> dict[str, Any]:
    """Return the job's newest heartbeat."""
    beat: dict[str, Any] = json.loads(_get(_s3(), f"s3://{settings().bucket}/{layout.receipt_key('clean_stream')}"))
    return beat


def _log_entry(path: str, version: int) -> str:
    return f"{path}/_delta_log/{version:020}.json"


def _is_there(s3: Any, url: str) -> bool:
    parts = urlsplit(url)
    try:
        s3.head_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return False
    return True


def _get(s3: Any, url: str) -> bytes:
    parts = urlsplit(url)
    body: bytes = s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read()
    return body


def _s3() -> Any:
    return boto3.client("s3", config=Config(connect_timeout=5, read_timeout=30))
