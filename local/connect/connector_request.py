"""Reads connector configurations from request bodies."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from local.connect.errors import ConnectError

MAX_BODY_BYTES = 1024 * 1024


async def read_config(request: Request, name: str | None = None) -> dict[str, str]:
    """Return the configuration that the body is.

    :param name: the connector's name from the path, which becomes the ``name`` key.
    :raises ConnectError: 400 when the body is no object of texts or names another connector, 413 when it is too large.
    """
    config = _texts(await _read_object(request))
    return config if name is None else _named(config, name)


async def read_new_connector(request: Request) -> dict[str, str]:
    """Return the configuration in a body ``{"name", "config"}``.

    :raises ConnectError: as :func:`read_config`.
    """
    body = await _read_object(request)
    name, config = body.get("name"), body.get("config")
    if not isinstance(name, str) or not isinstance(config, dict) or body.keys() - {"name", "config"}:
        raise ConnectError(400, 'The body must be {"name": "…", "config": {…}}')
    return _named(_texts(config), name)


def _named(config: dict[str, str], name: str) -> dict[str, str]:
    if config.get("name", name) != name:
        raise ConnectError(
            400, f"Connector name configuration ({config['name']}) doesn't match connector name ({name})"
        )
    return {**config, "name": name}


async def _read_object(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ConnectError(413, f"Request body over {MAX_BODY_BYTES} bytes")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ConnectError(400, f"The body is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise ConnectError(400, "The body is not a JSON object")
    return parsed


def _texts(config: dict[str, Any]) -> dict[str, str]:
    texts = {}
    for key, value in config.items():
        if isinstance(value, bool):
            texts[key] = str(value).lower()
        elif isinstance(value, (str, int)):
            texts[key] = str(value)
        else:
            raise ConnectError(400, f'Configuration "{key}" must be text, not {type(value).__name__}')
    return texts
