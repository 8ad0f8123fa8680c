"""Connectors as they are kept over a restart: one JSON file, replaced atomically."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec


class StoredConnector(msgspec.Struct, frozen=True):
    """A connector as it was asked for.

    :param config: its configuration, with ``name``.
    :param paused: whether it is to rest.
    """

    config: dict[str, str]
    paused: bool = False


class ConnectorStore:
    """The file of all connectors.

    :param file: path of the file; its folder is made when the first connector is kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> dict[str, StoredConnector]:
        """Return the connectors by name.

        :raises ValueError: when the file is not what :meth:`save` wrote.
        """
        if not self._file.exists():
            return {}
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[str, StoredConnector])
        except msgspec.MsgspecError as error:
            raise ValueError(f"{self._file} does not hold connectors: {error}; move it away to start empty") from error

    def save(self, connectors: Mapping[str, StoredConnector]) -> None:
        """Keep ``connectors``; after a crash the file holds the old or the new ones, never a part."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_name(f"{self._file.name}.part")
        with part.open("wb") as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(dict(connectors)), indent=2))
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self._file)
