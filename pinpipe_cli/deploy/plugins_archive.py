"""``plugins.zip``: what MWAA unpacks into its plugins folder, which is on Python's path.

The bytes depend on the files' paths and contents alone, so the same sources are the same object: nothing is compressed,
as another version of zlib would write other bytes, and an update of an environment takes minutes.
https://docs.aws.amazon.com/mwaa/latest/userguide/configuring-dag-import-plugins.html
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from pinpipe_cli.deploy.source_files import source_files

_BESIDE = ("emulator", "include")  # packages that lie beside the content of plugins/
# What makes and starts an environment, and is read by nobody in it: a change of it is no reason for a new archive.
_OF_NO_USE_THERE = ("include/bootstrap.yaml", "include/mwaa/")
_THE_SAME_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_UNIX, _MODE = 3, 0o100644 << 16


def plugins_archive(checkout: Path) -> bytes:
    """Return the archive of a checkout.

    :param checkout: its root.
    """
    files = dict(source_files(checkout / "plugins"))
    for package in _BESIDE:
        beside = ((f"{package}/{path}", content) for path, content in source_files(checkout / package))
        files.update({path: content for path, content in beside if not path.startswith(_OF_NO_USE_THERE)})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as plugins:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _THE_SAME_TIME)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            plugins.writestr(entry, files[path])
    return archive.getvalue()
