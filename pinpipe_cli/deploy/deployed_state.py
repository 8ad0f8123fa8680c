"""What an environment is to hold: objects of the MWAA bucket by their content, and the wheel of the Spark jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath


class EnvironmentFile(StrEnum):
    """A file that an MWAA environment is told of by key and version; the value is its field in MWAA's API."""

    plugins = "Plugins"
    requirements = "Requirements"
    startup_script = "StartupScript"

    @property
    def path_field(self) -> str:
        """MWAA's field of the key."""
        return f"{self.value}S3Path"

    @property
    def version_field(self) -> str:
        """MWAA's field of the object's version."""
        return f"{self.value}S3ObjectVersion"


@dataclass(frozen=True)
class Wanted:
    """An object that is to be there.

    :param key: its key.
    :param sha256: hash of its content.
    :param read: gives the content.
    :param version: a version of the object that has that content, where one is known.
    """

    key: str
    sha256: str
    read: Callable[[], bytes]
    version: str | None = None


def wanted(key: str, content: bytes) -> Wanted:
    """Return an object of a content that is at hand."""
    return Wanted(key, hashlib.sha256(content).hexdigest(), lambda: content)


@dataclass(frozen=True)
class DeployedState:
    """What is to be deployed.

    :param commit: of which it is.
    :param dirty: whether it is something else than that commit.
    :param files: the files that MWAA is told of.
    :param dags: what its folder of DAGs holds, the constraints included.
    :param spark_wheel: path of the wheel in a Databricks volume.
    """

    commit: str
    dirty: bool
    files: Mapping[EnvironmentFile, Wanted]
    dags: tuple[Wanted, ...]
    spark_wheel: str

    @cached_property
    def id(self) -> str:
        """A hash of all of it: 12 hex digits."""
        objects = [*self.files.values(), *self.dags]
        lines = sorted(f"{one.key} {one.sha256}" for one in objects)
        return hashlib.sha256("\n".join([*lines, self.spark_wheel]).encode()).hexdigest()[:12]

    @property
    def dag_sources(self) -> dict[str, str]:
        """Source of each DAG by its id: a DAG's file is named by it."""
        files = (one for one in self.dags if one.key.endswith(".py"))
        return {PurePosixPath(one.key).stem: one.read().decode() for one in files}

    def __str__(self) -> str:
        changed = " with changes that are not committed" if self.dirty else ""
        return f"{self.id}, commit {self.commit[:10]}{changed}"
