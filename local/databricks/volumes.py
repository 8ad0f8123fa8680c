"""Files of Unity Catalog volumes, ``/Volumes/<catalog>/<schema>/<volume>/…``, kept in one folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterable
from pathlib import Path

from local.databricks.errors import ApiError, invalid_parameter, invalid_state, not_found

_PREFIX = "/Volumes/"
_LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes, of Linux


class Volumes:
    """The volumes' files. Any volume exists; what a path names can only lie inside the root.

    :param root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._root.mkdir(parents=True, exist_ok=True)

    def path(self, volume_path: str) -> Path:
        """Return where ``volume_path`` is kept; it need not exist.

        :param volume_path: ``/Volumes/<catalog>/<schema>/<volume>[/…]``, with or without ``dbfs:`` before it.
        :raises ApiError: when it is not such a path or would lead out of it.
        """
        text = volume_path.removeprefix("dbfs:")
        parts = text.removeprefix(_PREFIX).rstrip("/").split("/")
        if not text.startswith(_PREFIX) or len(parts) < 3:
            raise invalid_parameter(f"{volume_path!r} is not a path /Volumes/<catalog>/<schema>/<volume>/…")
        if any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
            raise invalid_parameter(f"{volume_path!r} has a part that is no name: empty, . , .. or with \\ or NUL")
        place = self._root.joinpath(*parts)
        if not _can_be_stored(place):
            raise invalid_parameter(f"{volume_path!r} is no name that can be stored: not Unicode, or too long")
        if not place.resolve().is_relative_to(self._root):
            raise invalid_parameter(f"{volume_path!r} leads out of the volumes")
        return place

    def file(self, volume_path: str) -> Path:
        """Return where an existing file is kept.

        :raises ApiError: when there is no such file.
        """
        place = self.path(volume_path)
        if not place.is_file():
            raise not_found(f"The file {volume_path} does not exist.")
        return place

    async def write(self, volume_path: str, content: AsyncIterable[bytes], *, overwrite: bool) -> None:
        """Store a file as one: readers see the old content or the new one.

        :param overwrite: whether an existing file may be replaced.
        :raises ApiError: when it exists and may not, or a folder is in the way.
        """
        place = self.path(volume_path)
        if place.is_dir() or len(place.relative_to(self._root).parts) < 4:
            raise invalid_parameter(f"{volume_path} is a directory: name a file in it")
        if place.exists() and not overwrite:
            raise ApiError(409, "ALREADY_EXISTS", f"The file {volume_path} exists: say overwrite=true to replace it")
        self._make_folder(place.parent, volume_path)
        descriptor, fresh = tempfile.mkstemp(dir=self._root, prefix=".upload-")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                async for chunk in content:
                    stream.write(chunk)
            Path(fresh).replace(place)
        finally:
            Path(fresh).unlink(missing_ok=True)

    def delete(self, volume_path: str) -> None:
        """Remove a file.

        :raises ApiError: when there is no such file.
        """
        self.file(volume_path).unlink()

    def make_directory(self, volume_path: str) -> None:
        """Make a directory and those above it; an existing one is left alone.

        :raises ApiError: when a file is in the way.
        """
        self._make_folder(self.path(volume_path), volume_path)

    def directory(self, volume_path: str) -> Path:
        """Return where an existing directory is kept.

        :raises ApiError: when there is no such directory.
        """
        place = self.path(volume_path)
        if not place.is_dir():
            raise not_found(f"The directory {volume_path} does not exist.")
        return place

    def delete_directory(self, volume_path: str) -> None:
        """Remove an empty directory.

        :raises ApiError: when there is none or it is not empty.
        """
        place = self.directory(volume_path)
        if any(place.iterdir()):
            raise invalid_state(f"The directory {volume_path} is not empty: delete what is in it first")
        place.rmdir()

    def discard_uploads(self) -> None:
        """Remove what uploads left that were cut off when a server was killed."""
        for fresh in self._root.glob(".upload-*"):
            fresh.unlink(missing_ok=True)

    def _make_folder(self, place: Path, volume_path: str) -> None:
        try:
            place.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise invalid_parameter(f"{volume_path}: a part of this path is a file") from None


def _can_be_stored(place: Path) -> bool:
    try:
        name_bytes = [len(part.encode()) for part in place.parts]
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return max(name_bytes) <= _LONGEST_NAME and sum(name_bytes) + len(name_bytes) <= _LONGEST_PATH
