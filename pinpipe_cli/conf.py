"""Params of runs as the command line takes them."""

from __future__ import annotations

import json
from typing import Any

import typer


def json_object(text: str) -> dict[str, Any]:
    """Return the JSON object that ``--conf`` gives.

    :raises typer.BadParameter: when it is none.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"--conf is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise typer.BadParameter("--conf must be a JSON object, for example '{\"posts\": 100}'")
    return value
