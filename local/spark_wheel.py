"""Builds the wheel of the Spark jobs and puts it where the jobs' definitions name it.

The build is reproducible (hatchling fixes times, modes and order), so an unchanged checkout gives the same bytes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import requests

from local.home import ROOT

_BUILD_TIMEOUT_S = 120
_REQUEST_TIMEOUT_S = 30
# Jobs that were declared with an older wheel go on with it until `provision` declares them anew.
_WHEELS_KEPT = 5
_CONTENT_HASH = re.compile(r"[0-9a-f]{16}")


def build(folder: Path, checkout: Path = ROOT) -> Path:
    """Build the wheel into ``folder`` and return its file.

    :param checkout: root of the checkout that it is built from.
    :raises RuntimeError: when the build fails; with what it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=checkout / "spark_jobs",
        capture_output=True,
        text=True,
        timeout=_BUILD_TIMEOUT_S,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise RuntimeError(f"spark_jobs/ does not build into one wheel:\n{done.stdout}{done.stderr}")
    return wheels[0]


def upload(wheel: Path, volume_path: str, base_url: str, token: str) -> bool:
    """Put the wheel into a volume through the Files API, unless the same bytes are there already.

    :param volume_path: where to, ``/Volumes/<catalog>/<schema>/<volume>/…/<name>.whl``.
    :param base_url: of the Databricks workspace or its stand-in.
    :param token: bearer token.
    :returns: whether it was uploaded.
    :raises ValueError: when the name of the built wheel is not the one that the jobs ask for.
    :raises requests.RequestException: when the service refuses or does not answer.
    """
    if Path(volume_path).name != wheel.name:
        raise ValueError(f"spark_wheel is {volume_path}, but the wheel is {wheel.name}: change the setting's file name")
    content = wheel.read_bytes()
    url = f"{base_url}/api/2.0/fs/files{quote(volume_path)}"
    headers = {"Authorization": f"Bearer {token}"}
    present = requests.get(url, headers=headers, timeout=_REQUEST_TIMEOUT_S)
    if present.ok and present.content == content:
        return False
    if present.status_code not in (200, 404):
        present.raise_for_status()
    answer = requests.put(url, params={"overwrite": "true"}, data=content, headers=headers, timeout=_REQUEST_TIMEOUT_S)
    answer.raise_for_status()
    return True


def remove_old_wheels(volume_path: str, base_url: str, token: str) -> int:
    """Remove all wheels but the newest few, each of which lies in a folder of its own beside that of ``volume_path``.

    :param volume_path: of the present wheel, see :func:`local.spark_wheel_path.spark_wheel_path`.
    :return: how many others there were.
    :raises requests.RequestException: when the service refuses or does not answer.
    """
    folder = PurePosixPath(volume_path).parent
    others = [
        entry
        for entry in _files_api("GET", "directories", str(folder.parent), base_url, token).json()["contents"]
        if _CONTENT_HASH.fullmatch(entry["name"]) and entry["name"] != folder.name
    ]
    others.sort(key=lambda entry: entry["last_modified"], reverse=True)
    for entry in others[_WHEELS_KEPT - 1 :]:
        for file in _files_api("GET", "directories", entry["path"], base_url, token).json()["contents"]:
            _files_api("DELETE", "files", file["path"], base_url, token)
        _files_api("DELETE", "directories", entry["path"], base_url, token)
    return len(others)


def _files_api(method: str, kind: str, path: str, base_url: str, token: str) -> requests.Response:
    url = f"{base_url}/api/2.0/fs/{kind}{quote(path)}"
    answer = requests.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=_REQUEST_TIMEOUT_S)
    answer.raise_for_status()
    return answer


def upload_spark_wheel(volume_path: str, base_url: str, token: str) -> bool:
    """Build the wheel and upload it to the stand-in at ``base_url``; return whether its content was new.

    :param volume_path: see :func:`upload`.
    :param token: bearer token of the stand-in.
    :raises RuntimeError: when the build fails.
    :raises requests.RequestException: when the stand-in refuses or does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="pinpipe-wheel-") as folder:
        return upload(build(Path(folder)), volume_path, base_url, token)
