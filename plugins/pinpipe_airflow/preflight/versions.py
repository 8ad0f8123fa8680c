"""Which versions this process runs with: on MWAA, when the DAG asks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from packaging.version import Version

from pinpipe_airflow.preflight.result import Check, Finding, ok, warning, wrong

if TYPE_CHECKING:
    from include.settings import Settings

PYTHON = (3, 12)
# The oldest that the project is made for: of Airflow the one before MWAA's newest, of providers the first of a series.
OLDEST = {
    "apache-airflow-core": "3.2.1",
    "apache-airflow-providers-amazon": "9",
    "apache-airflow-providers-databricks": "7",
    "apache-airflow-providers-apache-kafka": "1",
    "apache-airflow-providers-standard": "1",
}
_WAY_OUT = "choose a newer Airflow version of the environment, and its requirements.txt as deployed with this project"


def look(wanted: Settings) -> Iterator[Finding]:
    """Compare the installed versions with the oldest that will do."""
    running = sys.version_info[:2]
    told = ".".join(map(str, running))
    if running == PYTHON:
        yield ok("Python", told)
    else:
        needed = ".".join(map(str, PYTHON))
        yield warning("Python", f"{told}; tested with {needed}", f"use an Airflow environment with Python {needed}")
    for package, oldest in OLDEST.items():
        yield _package(package, oldest)


def _package(package: str, oldest: str) -> Finding:
    try:
        found = version(package)
    except PackageNotFoundError:
        return wrong(package, "it is not installed", _WAY_OUT)
    if Version(found) < Version(oldest):
        return wrong(package, f"{found}, and {oldest} or newer is needed", _WAY_OUT)
    return ok(package, found)


CHECKS = (Check("versions", look),)
