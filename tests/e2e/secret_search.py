"""Looks for secrets in whatever was written: in files of any kind, in a database's tables, in command lines."""

from __future__ import annotations

import base64
import gzip
import json
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import quote

import psutil

_CHUNK = 1024 * 1024
Found = dict[str, set[str]]


class SecretSearch:
    """Knows secrets by name, and the forms that they may be written in.

    Compressed pages of Parquet are searched as they are: what is random cannot be shortened, and stays legible there.

    :param secrets: by name; each is long and random enough to be nowhere by chance.
    :param users: by a secret's name, with whom it goes into a header of basic authentication.
    """

    def __init__(self, secrets: Mapping[str, str], users: Mapping[str, str] | None = None) -> None:
        self._forms: dict[bytes, str] = {}
        for name, secret in secrets.items():
            written = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], secret.encode().hex()}
            # Of a longer text, base64 has a secret in one of three forms, by what stands before it.
            written |= {_base64_within(secret, before) for before in range(3)}
            if name in (users or {}):
                written.add(base64.b64encode(f"{(users or {})[name]}:{secret}".encode()).decode())
            self._forms |= {form.encode(): name for form in written}
        self._longest = max(map(len, self._forms))

    def names_in(self, content: bytes) -> set[str]:
        """Return the names of the secrets in ``content``."""
        return {name for form, name in self._forms.items() if form in content}

    def names_in_chunks(self, chunks: Iterable[bytes]) -> set[str]:
        """Return the names of the secrets in a content that comes in pieces."""
        found: set[str] = set()
        end = b""
        for chunk in chunks:
            found |= self.names_in(end + chunk)
            end = (end + chunk)[-self._longest :]
        return found

    def in_folder(self, folder: Path, allowed: Mapping[str, Iterable[str]]) -> tuple[Found, list[str]]:
        """Search all files below ``folder``, also within archives and compressed ones.

        :param allowed: by pattern of relative paths, the secrets that belong there.
        :returns: names of secrets by the relative path of the file that they should not be in, and all paths searched.
        """
        found: Found = {}
        searched = []
        for file in sorted(folder.rglob("*")):
            if file.is_symlink() or not file.is_file():
                continue
            path = str(file.relative_to(folder))
            try:
                names = self.names_in_chunks(_content(file))
            except FileNotFoundError:  # a service removed it meanwhile
                continue
            searched.append(path)
            names -= {name for pattern, belong in allowed.items() if fnmatch(path, pattern) for name in belong}
            if names:
                found[path] = names
        return found, searched

    def in_command_lines(self) -> Found:
        """Search the command lines of all processes of this machine: everybody on it may read them."""
        found: Found = defaultdict(set)
        for process in psutil.process_iter(["cmdline"]):
            names = self.names_in("\0".join(process.info["cmdline"] or []).encode(errors="surrogateescape"))
            if names:
                found[f"process {process.pid}"] |= names
        return dict(found)


def _base64_within(secret: str, before: int) -> str:
    """Return what base64 of a text with ``before`` (+ 3n) bytes before ``secret`` has of it, whatever they are."""
    encoded = base64.b64encode(before * b"\0" + secret.encode()).decode().rstrip("=")
    # The first signs are of what stands before, the last one of what stands behind, too.
    return encoded[-(-before * 8 // 6) : -1]


def _content(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        begins = stream.read(4)
        stream.seek(0)
        while chunk := stream.read(_CHUNK):
            yield chunk
    yield b"\n\0\n" * 100  # what is within the file begins here, and goes on from nothing before
    try:
        if begins[:2] == b"\x1f\x8b":
            with gzip.open(file) as unpacked:
                while chunk := unpacked.read(_CHUNK):
                    yield chunk
        elif begins == b"PK\x03\x04":
            with zipfile.ZipFile(file) as archive:
                for member in archive.namelist():
                    yield archive.read(member)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile):
        return  # it begins like an archive, or is being written
