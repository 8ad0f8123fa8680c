"""Connectors as declared in ``include/connectors``: the same for Kafka Connect's REST API and for MSK Connect."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.rendering import render_yaml

CONNECTORS = ("sink", "dead_letter")


@dataclass(frozen=True)
class ConnectorDefinition:
    """A connector.

    :param name: its name; its consumer group is ``connect-<name>``.
    :param config: its configuration, every value as text.
    """

    name: str
    config: Mapping[str, str]


def rest_connector(definition: str, marks: Mapping[str, Any]) -> ConnectorDefinition:
    """Return a connector as Kafka Connect's REST API gets it.

    :param definition: name of the file in ``include/connectors`` without its suffix.
    :param marks: what its ``<<marks>>`` are filled from.
    """
    declared = render_yaml("connectors", f"{definition}.yaml", values=marks)
    return ConnectorDefinition(declared["name"], texts(declared["config"]))


def msk_connector(definition: str, marks: Mapping[str, Any]) -> ConnectorDefinition:
    """Return a connector as MSK Connect gets it: the same, with what ``msk_connect.yaml`` has for it."""
    connector = rest_connector(definition, marks)
    differing = _overlay(marks)["connectors"].get(definition) or {}
    return ConnectorDefinition(connector.name, {**connector.config, **texts(differing)})


def worker_properties(marks: Mapping[str, Any]) -> str:
    """Return the worker configuration of MSK Connect, the text of a Java properties file."""
    return "".join(f"{key}={value}\n" for key, value in texts(_overlay(marks)["worker"]).items())


def short_hash(*parts: str) -> str:
    """Return twelve hexadecimal digits that stand for a content, for the name of what cannot be changed."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def texts(config: Mapping[str, Any]) -> dict[str, str]:
    """Return a configuration with every value as text, as Kafka Connect wants it."""
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in config.items()}


def _overlay(marks: Mapping[str, Any]) -> Any:
    return render_yaml("connectors", "msk_connect.yaml", values=marks)
