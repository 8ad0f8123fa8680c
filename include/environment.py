"""The environment that this process runs in, and what its file ``environments/<PINPIPE_ENV>.yaml`` sets."""

from __future__ import annotations

import os
from importlib import resources
from typing import Any

import yaml

PREFIX = "PINPIPE_"


class SettingsError(ValueError):
    """A setting has a value that it cannot have; the message names the variable, the value and the way out."""


def environments() -> tuple[str, ...]:
    """Return the names that ``PINPIPE_ENV`` may have."""
    files = resources.files("include").joinpath("environments").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def environment() -> str:
    """Return the name of this process's environment.

    :raises SettingsError: when there is no such environment.
    """
    # Settings' variables may be written in lower case, so this one may.
    name = {name.upper(): value for name, value in os.environ.items()}.get(variable_of("env")) or "local"
    if name not in environments():
        raise SettingsError(
            f"PINPIPE_ENV={name!r}: there is no {path_of(name)}; choose one of "
            f"{', '.join(environments())}, or write that file"
        )
    return name


def environment_file(name: str) -> dict[str, Any]:
    """Return what the file of an environment sets.

    :raises SettingsError: when it is not YAML of ``setting: value`` lines, or names an environment itself.
    """
    file = resources.files("include").joinpath("environments", f"{name}.yaml")
    path = path_of(name)
    try:
        lines = yaml.safe_load(file.read_bytes()) or {}
    except (yaml.YAMLError, ValueError) as error:  # the latter of such as a day that no calendar has
        raise SettingsError(f"{path} is not YAML: {' '.join(str(error).split())}; mend it") from error
    if not isinstance(lines, dict) or not all(isinstance(setting, str) for setting in lines):
        raise SettingsError(f"{path} holds something else than lines of `setting: value`; write it so")
    if "env" in lines:
        raise SettingsError(f"{path}: env: {lines['env']!r}: the file's name is the environment's; remove the line")
    return lines


def path_of(name: str) -> str:
    """Return the path of an environment's file, as messages name it."""
    return f"include/environments/{name}.yaml"


def variable_of(field: str) -> str:
    """Return the variable that sets a field."""
    return f"{PREFIX}{field.upper()}"
