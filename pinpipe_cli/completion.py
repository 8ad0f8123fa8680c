"""What a shell completes arguments with: names from files alone, since it waits for them at each key."""

from __future__ import annotations

from collections.abc import Iterable

from local.home import ROOT
from local.supervision import log_folder

_TABLES = ("pin", "geo", "user", "quarantine", "metrics")


def dag_ids(incomplete: str) -> list[str]:
    """Return the ids of DAGs that begin so."""
    return _beginning(incomplete, (file.stem for file in (ROOT / "dags").glob("*.py")))


def services(incomplete: str) -> list[str]:
    """Return the services that have a log and begin so."""
    return _beginning(incomplete, (file.stem for file in log_folder().glob("*.log")))


def environments(incomplete: str) -> list[str]:
    """Return the environments that begin so."""
    return _beginning(incomplete, (file.stem for file in (ROOT / "include" / "environments").glob("*.yaml")))


def questions(incomplete: str) -> list[str]:
    """Return the questions that begin so."""
    return _beginning(incomplete, (file.stem for file in (ROOT / "include" / "sql" / "questions").glob("*.sql")))


def tables(incomplete: str) -> list[str]:
    """Return the tables that begin so."""
    return _beginning(incomplete, _TABLES)


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
