"""What a checkout would deploy to an environment."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from include.settings import Settings
from local.spark_wheel_path import content_hash
from pinpipe_cli.deploy.deployed_state import DeployedState, EnvironmentFile, wanted
from pinpipe_cli.deploy.git_state import GitState
from pinpipe_cli.deploy.mwaa_requirements import constraints_file, render_requirements
from pinpipe_cli.deploy.plugins_archive import plugins_archive
from pinpipe_cli.deploy.source_files import source_files
from pinpipe_cli.deploy.startup_script import startup_script


def release_of(checkout: Path, git: GitState, given: Settings, airflow_version: str) -> DeployedState:
    """Return what a checkout would deploy.

    :param checkout: its root.
    :param git: its commit.
    :param given: the environment's settings.
    :param airflow_version: of the MWAA environment.
    :raises pinpipe_cli.deploy.errors.DeploymentError: when MWAA could not install its requirements.
    """
    constraints = constraints_file(checkout, airflow_version)
    requirements = render_requirements(
        (checkout / "requirements.txt").read_text(), constraints.read_text(), constraints.name
    )
    wheel = spark_wheel_of(checkout, given.spark_wheel)
    dags = {**dict(source_files(checkout / "dags")), constraints.name: constraints.read_bytes()}
    return DeployedState(
        commit=git.commit,
        dirty=git.dirty,
        files={
            EnvironmentFile.plugins: wanted(given.mwaa_plugins_path, plugins_archive(checkout)),
            EnvironmentFile.requirements: wanted(given.mwaa_requirements_path, requirements.encode()),
            EnvironmentFile.startup_script: wanted(
                given.mwaa_startup_script_path, startup_script(checkout, given.env, wheel).encode()
            ),
        },
        dags=tuple(wanted(f"{given.mwaa_dags_path}/{path}", content) for path, content in sorted(dags.items())),
        spark_wheel=wheel,
    )


def spark_wheel_of(checkout: Path, declared: str) -> str:
    """Return the path of a checkout's wheel in its volume: in a folder of its own, named by what it is built from.

    :param declared: the setting ``spark_wheel``, which says where the folders are.
    """
    path = PurePosixPath(declared)
    return str(path.parent / content_hash(checkout) / path.name)
