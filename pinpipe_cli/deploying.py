"""The commands ``pinpipe deploy`` and ``pinpipe rollback``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pinpipe_cli.chosen_environment import NamedEnv
from pinpipe_cli.progress import progress

if TYPE_CHECKING:
    from pinpipe_cli.deploy.deployment import Target

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")]
Provision = Annotated[
    bool,
    typer.Option(
        "--provision/--no-provision",
        help="Have the DAG provision declare the Spark jobs anew where their wheel is another one.",
    ),
]


def deploy(
    env: NamedEnv,
    dry_run: DryRun = False,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Deploy changes that are not committed, too.")
    ] = False,
    provision: Provision = True,
) -> None:
    """Deploy this checkout to an environment's MWAA and Databricks, and see that it works there.

    What is there already is left alone: a second deployment changes nothing. MWAA takes 10 to 30 minutes for plugins,
    requirements and startup script, and none for DAG files. Where the Spark jobs' code is another one than before, the
    DAG provision is run and followed, as it declares the jobs.
    """
    from local.home import ROOT
    from pinpipe_cli.deploy.deployment import deploy_checkout

    with _target() as target, progress() as say:
        deploy_checkout(ROOT, target, say, dry_run=dry_run, allow_dirty=allow_dirty, provision=provision)


def rollback(
    env: NamedEnv,
    to: Annotated[
        str | None,
        typer.Option(help="The deployment's name; the last one before the present that worked if not given."),
    ] = None,
    dry_run: DryRun = False,
    provision: Provision = True,
) -> None:
    """Go back to an earlier deployment: plugins, requirements, startup script, wheel and DAG files of then.

    Where the wheel is another one the DAG provision is run and followed: until then Spark jobs run the one of before.
    """
    from pinpipe_cli.deploy.deployment import roll_back

    with _target() as target, progress() as say:
        roll_back(target, say, name=to, dry_run=dry_run, provision=provision)


@contextmanager
def _target() -> Iterator[Target]:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    from include.settings import settings
    from pinpipe_cli.databricks_workspace import workspace
    from pinpipe_cli.deploy.databricks_volume import DatabricksVolume
    from pinpipe_cli.deploy.deployment import Target
    from pinpipe_cli.deploy.errors import DeploymentError
    from pinpipe_cli.deploy.mwaa_environment import MwaaEnvironment
    from pinpipe_cli.mwaa_airflow import environment_name, mwaa_airflow, mwaa_client

    given, name = settings(), environment_name()
    config = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5})
    try:
        yield Target(
            given=given,
            environment=MwaaEnvironment(mwaa_client(), name),
            s3=boto3.client("s3", region_name=given.region, config=config),
            volume=DatabricksVolume(workspace(os.environ, given.databricks_conn_id)),
            airflow=mwaa_airflow(),
        )
    except (ClientError, BotoCoreError) as error:
        raise DeploymentError(f"AWS: {error} (which credentials: aws sts get-caller-identity)") from error
