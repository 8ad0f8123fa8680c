"""What is to change so that an environment is as it should be; found out by reading alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pinpipe_cli.deploy.deployed_state import DeployedState, EnvironmentFile, Wanted
from pinpipe_cli.deploy.mwaa_environment import Described
from pinpipe_cli.deploy.versioned_bucket import VersionedBucket


@dataclass(frozen=True)
class Plan:
    """What is to change.

    :param state: what is to be there in the end.
    :param versions: version of each file that MWAA is told of, ``None`` of those that are to be stored first.
    :param new_files: those of them that MWAA does not run on yet.
    :param new_dags: objects of the DAG folder that are to be stored.
    :param stale_dags: keys in that folder that are to be removed.
    :param dag_versions: version of each object of that folder that is there already.
    :param new_wheel: whether the Spark jobs' wheel is to be stored.
    """

    state: DeployedState
    versions: Mapping[EnvironmentFile, str | None]
    new_files: tuple[EnvironmentFile, ...]
    new_dags: tuple[Wanted, ...]
    stale_dags: tuple[str, ...]
    dag_versions: Mapping[str, str]
    new_wheel: bool

    @property
    def empty(self) -> bool:
        """Whether everything is as it should be."""
        return not (self.new_files or self.new_dags or self.stale_dags or self.new_wheel)

    def lines(self, bucket: str, environment: str) -> list[str]:
        """Return what is to change, in words.

        :param bucket: name of the MWAA bucket.
        :param environment: name of the MWAA environment.
        """
        lines = [f"store {self.state.spark_wheel}"] if self.new_wheel else []
        stored = [self.state.files[kind].key for kind in self.new_files if self.versions[kind] is None]
        lines += [f"store s3://{bucket}/{key}" for key in stored]
        if self.new_files:
            named = ", ".join(self.state.files[kind].key for kind in self.new_files)
            lines.append(f"update the MWAA environment {environment} to a new version of {named}: 10 to 30 minutes")
        lines += [f"store s3://{bucket}/{one.key}" for one in self.new_dags]
        lines += [f"remove s3://{bucket}/{key}" for key in self.stale_dags]
        return lines


def plan_of(
    state: DeployedState,
    dags_path: str,
    bucket: VersionedBucket,
    environment: Described,
    holds: Callable[[str], bool],
) -> Plan:
    """Return what is to change.

    :param dags_path: folder of the DAGs in the bucket; nothing outside of it is looked at, or removed.
    :param environment: as it is.
    :param holds: whether a path in Databricks' volumes is there.
    """
    live = {kind: _version_in_use(environment, kind, state.files[kind].key) for kind in state.files}
    versions = {kind: _version_of(state.files[kind], live[kind], bucket) for kind in state.files}
    present = {key: bucket.stored(key) for key in bucket.keys(f"{dags_path}/")}
    wanted = {one.key: one for one in state.dags}
    same = {key: there for key, there in present.items() if there and key in wanted}
    same = {key: there for key, there in same.items() if there.sha256 == wanted[key].sha256}
    return Plan(
        state=state,
        versions=versions,
        new_files=tuple(kind for kind in state.files if versions[kind] is None or versions[kind] != live[kind]),
        new_dags=tuple(one for key, one in sorted(wanted.items()) if key not in same),
        # The console marks a folder by an empty object of its name.
        stale_dags=tuple(key for key in present if key not in wanted and key != f"{dags_path}/"),
        dag_versions={key: there.version for key, there in same.items()},
        new_wheel=not holds(state.spark_wheel),
    )


def _version_in_use(environment: Described, kind: EnvironmentFile, key: str) -> str | None:
    return environment.get(kind.version_field) if environment.get(kind.path_field) == key else None


def _version_of(wanted: Wanted, live: str | None, bucket: VersionedBucket) -> str | None:
    """Return a version that has the wanted content, preferably the one in use."""
    for version in (live, wanted.version):
        if version and (there := bucket.stored(wanted.key, version)) and there.sha256 == wanted.sha256:
            return version
    newest = bucket.stored(wanted.key)
    return newest.version if newest and newest.sha256 == wanted.sha256 else None
