"""Unpacks wheels so that a job's interpreter can import them: a folder for each content, on ``PYTHONPATH``.

A wheel is a zip archive in the layout of site-packages (PEP 427), so nothing is installed and jobs do not share state.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path


class WheelError(Exception):
    """A file that is not a wheel; the message says which."""


def unpack(wheel: Path, folder: Path) -> Path:
    """Return the folder with the wheel's content, unpacked there unless it is already.

    :param wheel: the file.
    :param folder: where unpacked wheels are kept, one folder each, named by the SHA-256 of the content.
    :raises WheelError: when the file is not a wheel.
    """
    with wheel.open("rb") as stream:
        unpacked = folder / hashlib.file_digest(stream, "sha256").hexdigest()
    if unpacked.is_dir():
        return unpacked
    folder.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder, prefix=".unpacking-"))
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(fresh)
        if not any(fresh.glob("*.dist-info/METADATA")):
            raise WheelError(f"{wheel.name} is not a wheel: it has no .dist-info/METADATA")
        fresh.rename(unpacked)
    except zipfile.BadZipFile as error:
        raise WheelError(f"{wheel.name} is not a wheel: {error}") from error
    except OSError:
        if not unpacked.is_dir():  # else another task unpacked the same content meanwhile
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return unpacked
