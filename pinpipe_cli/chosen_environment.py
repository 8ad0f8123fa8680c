"""The environment that a command is meant for: that of ``PINPIPE_ENV``, or the one that ``--env`` names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pinpipe_cli import completion

if TYPE_CHECKING:
    from pinpipe_cli.airflow_api import Airflow

LOCAL = "local"

# What the variables of the local world's AWS were before they were set.
_replaced: dict[str, str | None] = {}


def choose(name: str | None = None) -> None:
    """Make this process one of an environment: its settings, and for the local one the address of its AWS.

    :param name: ``None`` for the one that ``PINPIPE_ENV`` names.
    :raises include.settings.SettingsError: when there is no such environment.
    """
    from include.settings import environment, settings
    from local.process_environment import aws_environment

    _restore()
    if name is not None:
        for variable in [variable for variable in os.environ if variable.upper() == "PINPIPE_ENV"]:
            del os.environ[variable]
        os.environ["PINPIPE_ENV"] = name
    settings.cache_clear()
    if environment() == LOCAL:
        local = aws_environment()
        _replaced.update({variable: os.environ.get(variable) for variable in local})
        os.environ.update(local)


@contextmanager
def for_the_local_world() -> Iterator[None]:
    """Make this process one of the local world's for as long as the context lasts, whatever the shell says."""
    from include.settings import settings

    before = dict(os.environ)
    choose(LOCAL)
    try:
        yield
    finally:
        _replaced.clear()
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()


def airflow() -> Airflow:
    """Return the Airflow of the environment: MWAA, or that of the local world."""
    from include.settings import environment
    from local import world
    from pinpipe_cli.airflow_api import AirflowApi
    from pinpipe_cli.mwaa_airflow import mwaa_airflow

    return AirflowApi(*world.login()) if environment() == LOCAL else mwaa_airflow()


def _restore() -> None:
    """Undo what the local environment has set: another one's AWS is reached as the shell says."""
    for variable, value in _replaced.items():
        os.environ.pop(variable, None)
        if value is not None:
            os.environ[variable] = value
    _replaced.clear()


def _chosen(name: str | None) -> str | None:
    if name is not None:
        choose(name)
    return name


ENV_HELP = "The environment, whose file is include/environments/<env>.yaml; default: what PINPIPE_ENV says, else local."

# For commands that are the same in every environment.
Env = Annotated[
    str | None, typer.Option("--env", callback=_chosen, help=ENV_HELP, autocompletion=completion.environments)
]

# For commands that there is no default for.
NamedEnv = Annotated[
    str,
    typer.Option(
        "--env",
        callback=_chosen,
        help=ENV_HELP.partition(";")[0] + ".",
        autocompletion=completion.environments,
    ),
]
