"""What was deployed when: an object of the MWAA bucket for each deployment, from which it can be had again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pinpipe_cli.deploy.deployed_state import DeployedState, EnvironmentFile, Wanted, wanted
from pinpipe_cli.deploy.deployment_lock import KEY as LOCK
from pinpipe_cli.deploy.errors import DeploymentError
from pinpipe_cli.deploy.versioned_bucket import VersionedBucket

FOLDER = "deployments/"
_SUFFIX = ".json"
_FORMAT = 1


@dataclass(frozen=True)
class DeploymentRecord:
    """A deployment that was made.

    :param name: time and id, the name of its object.
    :param content: as it is stored.
    """

    name: str
    content: Mapping[str, Any]

    @property
    def release(self) -> str:
        """Id of what was deployed."""
        return str(self.content["release"])

    @property
    def verified(self) -> bool:
        """Whether it was seen to work."""
        return bool(self.content["verified"])

    @property
    def jobs_declared(self) -> bool:
        """Whether Databricks' jobs have its wheel, or a person was told to see to that."""
        return bool(self.content.get("jobs_declared", True))

    def has_jobs_of(self, wheel: str) -> bool:
        """Whether nothing has to be done for Databricks' jobs to have that wheel."""
        return self.jobs_declared and self.content["spark_wheel"] == wheel

    @property
    def of(self) -> str:
        """Name of the deployment whose state this is: its own, or of the one that was rolled back to."""
        return str(self.content.get("rolled_back_to") or self.name)

    @property
    def key(self) -> str:
        """Key of its object."""
        return f"{FOLDER}{self.name}{_SUFFIX}"

    def state(self, bucket: VersionedBucket) -> DeployedState:
        """Return what it deployed, whose contents are read from the versions of then."""

        def as_recorded(entry: Mapping[str, str]) -> Wanted:
            read = partial(bucket.read, entry["key"], entry["version"])
            return Wanted(entry["key"], entry["sha256"], read, entry["version"])

        return DeployedState(
            commit=self.content["commit"],
            dirty=self.content["dirty"],
            files={EnvironmentFile[name]: as_recorded(entry) for name, entry in self.content["files"].items()},
            dags=tuple(as_recorded(entry) for entry in self.content["dags"]),
            spark_wheel=self.content["spark_wheel"],
        )


def new_record(
    state: DeployedState,
    files: Mapping[EnvironmentFile, str],
    dags: Mapping[str, str],
    environment: str,
    rolled_back_to: str | None,
    before: DeploymentRecord | None,
) -> DeploymentRecord:
    """Return the record of a deployment that has just been made, and is not verified yet.

    :param files: version of each file that MWAA was told of.
    :param dags: version of each object of the DAG folder, by key.
    :param environment: name of the MWAA environment.
    :param rolled_back_to: name of the deployment that was rolled back to.
    :param before: the record of the last deployment: the names of records are in their order, whoever's clock is wrong.
    """
    now = datetime.now(UTC)
    if before:
        now = max(now, datetime.fromisoformat(before.content["deployed_at"]) + timedelta(microseconds=1))
    content = {
        "format": _FORMAT,
        "deployed_at": now.isoformat(timespec="microseconds"),
        "mwaa_environment": environment,
        "release": state.id,
        "commit": state.commit,
        "dirty": state.dirty,
        "rolled_back_to": rolled_back_to,
        "verified": False,
        "files": {kind.name: _entry(one, files[kind]) for kind, one in state.files.items()},
        "dags": [_entry(one, dags[one.key]) for one in state.dags],
        "spark_wheel": state.spark_wheel,
        "jobs_declared": before is None or before.has_jobs_of(state.spark_wheel),
    }
    return DeploymentRecord(f"{now:%Y%m%dT%H%M%S.%fZ}-{state.id}", content)


def write_record(bucket: VersionedBucket, record: DeploymentRecord, **now_known: bool) -> None:
    """Store a record.

    :param now_known: what has come about since it was made: ``verified``, ``jobs_declared``.
    """
    content = {**record.content, **now_known}
    bucket.put(wanted(record.key, json.dumps(content, indent=2).encode()))


def records(bucket: VersionedBucket) -> list[DeploymentRecord]:
    """Return the deployments that there were, the newest first.

    :raises DeploymentError: when a record is none.
    """
    found = [key for key in bucket.keys(FOLDER) if key.endswith(_SUFFIX) and key != LOCK]
    return [_read(bucket, key) for key in reversed(found)]


def newest_record(bucket: VersionedBucket) -> DeploymentRecord | None:
    """Return the record of the last deployment, ``None`` where there was none."""
    found = [key for key in bucket.keys(FOLDER) if key.endswith(_SUFFIX) and key != LOCK]
    return _read(bucket, found[-1]) if found else None


def record_to_return_to(bucket: VersionedBucket, name: str | None) -> DeploymentRecord:
    """Return the record that a rollback goes back to.

    :param name: its name; ``None`` for the last one before the present that was seen to work, of another state. A
        rollback of a rollback goes back further.
    :raises DeploymentError: when there is none.
    """
    known = records(bucket)
    if name is not None:
        for record in known:
            if record.name == name.removeprefix(FOLDER).removesuffix(_SUFFIX):
                return record
        raise DeploymentError(f"there is no deployment {name!r}; there are: {_named(known)}")
    if not known:
        raise DeploymentError(f"nothing was deployed yet: s3://{bucket.name}/{FOLDER} holds no record")
    present = known[0]
    for record in known:
        earlier = record.name < present.of and record.of == record.name
        if earlier and record.verified and record.release != present.release:
            return record
    raise DeploymentError(
        f"there is no deployment before {present.of} that was seen to work; there are: {_named(known)}. "
        "Name one with --to"
    )


def _read(bucket: VersionedBucket, key: str) -> DeploymentRecord:
    try:
        content = json.loads(bucket.read(key))
        if content["format"] != _FORMAT:
            raise DeploymentError(f"s3://{bucket.name}/{key} has format {content['format']}, {_FORMAT} is known")
    except (ValueError, KeyError, TypeError) as error:
        raise DeploymentError(
            f"s3://{bucket.name}/{key} is no record of a deployment ({error!r}): remove it"
        ) from error
    return DeploymentRecord(key.removeprefix(FOLDER).removesuffix(_SUFFIX), content)


def _entry(one: Wanted, version: str) -> dict[str, str]:
    return {"key": one.key, "version": version, "sha256": one.sha256}


def _named(known: list[DeploymentRecord]) -> str:
    return ", ".join(record.name + ("" if record.verified else " (not verified)") for record in known) or "none"
