"""A deployment: planned, made, seen to work, and written down."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from include.settings import Settings
from local import spark_wheel
from pinpipe_cli.airflow_api import Airflow, AirflowApiError
from pinpipe_cli.deploy.databricks_volume import DatabricksVolume
from pinpipe_cli.deploy.deployed_state import DeployedState, EnvironmentFile
from pinpipe_cli.deploy.deployment_lock import deployment_lock
from pinpipe_cli.deploy.deployment_plan import Plan, plan_of
from pinpipe_cli.deploy.deployment_record import (
    DeploymentRecord,
    new_record,
    newest_record,
    record_to_return_to,
    write_record,
)
from pinpipe_cli.deploy.errors import DeploymentError, VolumeMissingError
from pinpipe_cli.deploy.git_state import git_state
from pinpipe_cli.deploy.job_declaration import declare_jobs, declaring_command, provision_command
from pinpipe_cli.deploy.mwaa_environment import MwaaEnvironment, bucket_of
from pinpipe_cli.deploy.release import release_of, spark_wheel_of
from pinpipe_cli.deploy.verification import verify
from pinpipe_cli.deploy.versioned_bucket import VersionedBucket

Say = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """Where is deployed to.

    :param given: the environment's settings.
    :param environment: the MWAA environment.
    :param s3: client of S3.
    :param volume: Databricks' volumes.
    :param airflow: of the MWAA environment.
    """

    given: Settings
    environment: MwaaEnvironment
    s3: object
    volume: DatabricksVolume
    airflow: Airflow


def deploy_checkout(
    checkout: Path,
    target: Target,
    say: Say,
    *,
    dry_run: bool = False,
    allow_dirty: bool = False,
    provision: bool = True,
) -> None:
    """Deploy a checkout; what is there already is left alone.

    :param say: is told what happens, a line each.
    :param dry_run: only say what would be done.
    :param allow_dirty: deploy one that is something else than its commit, too.
    :param provision: run the DAG ``provision`` where a later deployment brings another wheel.
    :raises DeploymentError: when it cannot be deployed, or does not work then.
    """
    git = git_state(checkout, allow_dirty)
    now = target.environment.ready(target.given)
    state = release_of(checkout, git, target.given, now["AirflowVersion"])
    say(f"release {state}")
    _bring_about(state, target, say, checkout, dry_run=dry_run, provision=provision)


def roll_back(
    target: Target, say: Say, *, name: str | None = None, dry_run: bool = False, provision: bool = True
) -> None:
    """Go back to an earlier deployment.

    :param say: is told what happens, a line each.
    :param name: of its record; ``None`` for the one before the present.
    :param dry_run: only say what would be done.
    :param provision: run the DAG ``provision`` where the wheel of then is another one.
    :raises DeploymentError: when there is none, it is not there any more, or does not work then.
    """
    bucket = VersionedBucket(target.s3, bucket_of(target.environment.ready(target.given)))
    record = record_to_return_to(bucket, name)
    state = record.state(bucket)
    say(f"back to the deployment {record.name}: release {state}")
    gone = [one.key for one in (*state.files.values(), *state.dags) if not bucket.stored(one.key, one.version)]
    if gone:
        raise DeploymentError(
            f"the versions of {', '.join(gone)} that were deployed then are not in s3://{bucket.name} any more: check "
            f"out {state.commit[:10]} and deploy that"
        )
    if not target.volume.holds(state.spark_wheel):
        raise DeploymentError(
            f"the wheel of then, {state.spark_wheel}, is not in its Databricks volume any more: check out "
            f"{state.commit[:10]} and deploy that"
        )
    _bring_about(state, target, say, None, dry_run=dry_run, provision=provision, rolled_back_to=record.of)


def _bring_about(
    state: DeployedState,
    target: Target,
    say: Say,
    checkout: Path | None,
    *,
    dry_run: bool,
    provision: bool,
    rolled_back_to: str | None = None,
) -> None:
    """Make an environment be as a state says, see that it works, and write it down.

    :param checkout: what the wheel is built from; ``None`` where it is there already.
    """
    now = target.environment.ready(target.given)
    bucket = VersionedBucket(target.s3, bucket_of(now))
    bucket.require_versions()
    if dry_run:
        plan = plan_of(state, target.given.mwaa_dags_path, bucket, now, target.volume.holds)
        lines = plan.lines(bucket.name, target.environment.name)
        if provision and (before := newest_record(bucket)) and not before.has_jobs_of(state.spark_wheel):
            lines = [
                *lines,
                f"run provision, which declares the Spark jobs with {state.spark_wheel}, if anything is provisioned",
            ]
        for line in lines or ["nothing would change"]:
            say(f"  {line}")
        say("nothing was changed: this is a dry run")
        return
    with deployment_lock(bucket):
        # Planned while nobody else deploys: what was true before the lock was held need not be.
        now = target.environment.ready(target.given)
        plan = plan_of(state, target.given.mwaa_dags_path, bucket, now, target.volume.holds)
        before = newest_record(bucket)
        if plan.empty and before and before.release == state.id and before.verified:
            say(f"nothing to deploy: {target.environment.name} is at {state.id} since {before.content['deployed_at']}")
            verify(target.airflow, state.dag_sources, None, say)
            record, wheel_stored = before, True
        else:
            wheel_stored = not plan.new_wheel or _wheel_stored(state.spark_wheel, target, checkout, say)
            record = _carry_out(plan, target, bucket, rolled_back_to, before, say)
            record = _verify_and_record(record, state, target, bucket, say)
    if before is None:  # provisioned when everything else is set up
        say(f"Spark jobs of the new wheel are declared by: {provision_command(target.given)}")
    elif not record.jobs_declared and wheel_stored:
        _have_jobs_declared(record, target, bucket, say, provision=provision)


def _have_jobs_declared(
    record: DeploymentRecord, target: Target, bucket: VersionedBucket, say: Say, *, provision: bool
) -> None:
    """Have `provision` declare the jobs with the wheel, and write that down: until then each deployment tries it.

    Not within the lock, as a run may take hours.
    """
    if provision:
        declare_jobs(target.airflow, target.given, say)
    else:
        say(f"Spark jobs of the new wheel are declared by: {declaring_command(target.given)}")
    write_record(bucket, record, jobs_declared=True)


def _carry_out(
    plan: Plan,
    target: Target,
    bucket: VersionedBucket,
    rolled_back_to: str | None,
    before: DeploymentRecord | None,
    say: Say,
) -> DeploymentRecord:
    state = plan.state
    dag_versions = dict(plan.dag_versions)

    def store_dags(*, sources: bool) -> None:
        for one in plan.new_dags:
            if one.key.endswith(".py") == sources:
                dag_versions[one.key] = bucket.put(one)
                say(f"stored s3://{bucket.name}/{one.key}")

    store_dags(sources=False)  # the constraints are read while the environment is updated
    versions: dict[EnvironmentFile, str] = {}
    for kind, version in plan.versions.items():
        if version is None:
            version = bucket.put(state.files[kind])
            say(f"stored s3://{bucket.name}/{state.files[kind].key}")
        versions[kind] = version
    if plan.new_files:
        keys = {kind: one.key for kind, one in state.files.items()}
        target.environment.update(keys, versions, target.given, say)
    # After the plugins that they import: where the update fails, the DAGs are still those of before.
    store_dags(sources=True)
    for key in plan.stale_dags:
        bucket.delete(key)
        say(f"removed s3://{bucket.name}/{key}")
    return new_record(state, versions, dag_versions, target.environment.name, rolled_back_to, before)


def _verify_and_record(
    record: DeploymentRecord,
    state: DeployedState,
    target: Target,
    bucket: VersionedBucket,
    say: Say,
) -> DeploymentRecord:
    # Written before it is known to work: what is there can be told, and gone back from, in any case.
    write_record(bucket, record, verified=False)
    try:
        verify(target.airflow, state.dag_sources, datetime.now(UTC), say)
    except (DeploymentError, AirflowApiError) as error:
        raise DeploymentError(
            f"{error}. It was deployed all the same (s3://{bucket.name}/{record.key}): mend and deploy it again, or "
            f"`pinpipe rollback --env {target.given.env}`"
        ) from error
    write_record(bucket, record, verified=True)
    say(f"deployed {state.id} to {target.environment.name}: s3://{bucket.name}/{record.key}")
    return replace(record, content={**record.content, "verified": True})


def _wheel_stored(path: str, target: Target, checkout: Path | None, say: Say) -> bool:
    """Store the wheel, and return whether there was a place for it."""
    try:
        _store_wheel(path, target, checkout)
    except VolumeMissingError as error:
        # What makes the volume has to be deployed before it.
        say(
            f"the wheel is NOT stored: {error}. `{provision_command(target.given)}` makes the volume, and fails "
            "for want of the wheel: deploy again then, and provision"
        )
        return False
    say(f"stored {path}")
    return True


def _store_wheel(path: str, target: Target, checkout: Path | None) -> None:
    if checkout is None:
        raise DeploymentError(f"{path} is not there any more")
    with tempfile.TemporaryDirectory(prefix="pinpipe-wheel-") as folder:
        wheel = spark_wheel.build(Path(folder), checkout)
        if wheel.name != Path(path).name:
            raise DeploymentError(
                f"the setting spark_wheel is a path of {Path(path).name}, but the wheel is {wheel.name}: change the "
                "setting's file name"
            )
        if spark_wheel_of(checkout, target.given.spark_wheel) != path:
            raise DeploymentError("spark_jobs/ or include/ has changed while it was being deployed: deploy again")
        target.volume.put(path, wheel.read_bytes())
