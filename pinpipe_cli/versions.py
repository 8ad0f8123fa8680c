"""The command ``pinpipe version``: what is installed here."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Any

from local.home import ROOT
from pinpipe_cli.json_output import AsJson, print_json

_PACKAGES = ("apache-airflow", "apache-airflow-providers-amazon", "apache-airflow-providers-databricks", "boto3")


def version(as_json: AsJson = False) -> None:
    """Print the versions of pinpipe, its commit, Python, Airflow and its providers."""
    found = versions()
    if as_json:
        print_json(found)
        return
    width = max(map(len, found))
    for name, text in found.items():
        print(f"{name:<{width}}  {text or 'not known'}")


def versions() -> dict[str, Any]:
    """Return the version of each, ``None`` where it is not known."""
    return {
        "pinpipe": _version("pinpipe"),
        "commit": _commit(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version_of(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    try:
        told = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() or None
