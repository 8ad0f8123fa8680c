"""What ``PUT /connector-plugins/{class}/config/validate`` answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.connect.config_keys import CONNECTOR_CLASS, KEYS, ConfigKey
from local.connect.errors import ConnectError
from local.connect.sink_config import config_faults


def validation(plugin: str, config: Mapping[str, str]) -> dict[str, Any]:
    """Return every key's definition, value and faults.

    :param plugin: class of the connector, full or its last part.
    :raises ConnectError: 400 when there is no such class or the configuration names another one.
    """
    if plugin not in (CONNECTOR_CLASS, CONNECTOR_CLASS.rpartition(".")[2]):
        raise ConnectError(
            400,
            f"Failed to find any class that implements Connector and which name matches {plugin}, "
            f"available connectors are: {CONNECTOR_CLASS}",
        )
    faults = config_faults(config)
    names = [*KEYS, *sorted((config.keys() | faults.keys()) - KEYS.keys())]
    return {
        "name": CONNECTOR_CLASS,
        "error_count": sum(len(of_key) for of_key in faults.values()),
        "groups": [],
        "configs": [
            {"definition": _definition(name, KEYS.get(name)), "value": _value(name, config, faults.get(name, []))}
            for name in names
        ],
    }


def _definition(name: str, key: ConfigKey | None) -> dict[str, Any]:
    return {
        "name": name,
        "type": key.type if key else "STRING",
        "required": key is not None and key.default is None,
        "default_value": key.default if key else None,
        "importance": "HIGH" if key and key.default is None else "MEDIUM",
        "documentation": key.documentation if key else "",
        "group": None,
        "width": "MEDIUM",
        "display_name": name,
        "dependents": [],
        "order": -1,
    }


def _value(name: str, config: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    default = KEYS[name].default if name in KEYS else None
    return {
        "name": name,
        "value": config.get(name, default),
        "recommended_values": [],
        "errors": faults,
        "visible": True,
    }
