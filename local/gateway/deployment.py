"""A deployment, ready to be executed: its snapshot's methods as a tree of path segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.gateway.gateway_responses import GatewayResponses
from local.gateway.integrations import Integration, UnsupportedIntegrationError, integration_of
from local.gateway.request_validation import RequestValidator, Schema, compile_model


@dataclass(frozen=True)
class Method:
    """One method of a resource.

    :param integration: executes it; None when this stand-in cannot.
    :param unsupported: why it cannot.
    """

    api_key_required: bool
    validator: RequestValidator
    integration: Integration | None
    unsupported: str = ""


@dataclass
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: tuple[str, _Node] | None = None
    methods: dict[str, Method] = field(default_factory=dict)


class Deployment:
    """Finds the method for a request; ``responses`` words what is answered without it.

    :param snapshot: as :func:`local.gateway.api_definitions.snapshot` returns it.
    :param client: for requests to endpoints.
    """

    def __init__(self, snapshot: Mapping[str, Any], client: httpx.AsyncClient) -> None:
        self._root = _Node()
        self.responses = GatewayResponses(snapshot.get("gatewayResponses", []))
        models = {model["name"]: model["schema"] for model in snapshot["models"]}
        validators = {validator["id"]: validator for validator in snapshot["requestValidators"]}
        compiled: dict[str, Schema] = {}
        for resource in snapshot["resources"]:
            node = self._node(resource["path"])
            for http_method, declared in (resource.get("resourceMethods") or {}).items():
                flags = validators.get(declared.get("requestValidatorId"), {})
                needed = set((declared.get("requestModels") or {}).values())
                for name in needed - compiled.keys():
                    compiled[name] = compile_model(models[name])
                node.methods[http_method] = _method(snapshot, resource["path"], declared, flags, compiled, client)

    def find(self, segments: Sequence[str], http_method: str) -> tuple[Method, dict[str, str]] | None:
        """Return the method for a decoded path and the path's parameters; a literal segment wins over a parameter."""
        return _find(self._root, segments, http_method, {})

    def _node(self, path: str) -> _Node:
        node = self._root
        for part in filter(None, path.split("/")):
            if not part.startswith("{"):
                node = node.literals.setdefault(part, _Node())
                continue
            node.parameter = node.parameter or (part.strip("{}"), _Node())
            node = node.parameter[1]
        return node


def _find(
    node: _Node, segments: Sequence[str], http_method: str, parameters: dict[str, str]
) -> tuple[Method, dict[str, str]] | None:
    if not segments:
        method = node.methods.get(http_method) or node.methods.get("ANY")
        return (method, parameters) if method else None
    first, rest = segments[0], segments[1:]
    found = _find(node.literals[first], rest, http_method, parameters) if first in node.literals else None
    if found is None and node.parameter and first:
        name, child = node.parameter
        found = _find(child, rest, http_method, {**parameters, name: first})
    return found


def _method(
    snapshot: Mapping[str, Any],
    path: str,
    declared: Mapping[str, Any],
    flags: Mapping[str, Any],
    compiled: Mapping[str, Schema],
    client: httpx.AsyncClient,
) -> Method:
    models = declared.get("requestModels") or {}
    required = tuple(
        name.removeprefix("method.request.")
        for name, needed in (declared.get("requestParameters") or {}).items()
        if needed and not name.startswith("method.request.path.")
    )
    validator = RequestValidator(
        {content_type: compiled[name] for content_type, name in models.items()}
        if flags.get("validateRequestBody")
        else {},
        required if flags.get("validateRequestParameters") else (),
    )
    api_key_required = bool(declared.get("apiKeyRequired"))
    try:
        _check(snapshot, path, declared)
        integration = integration_of(declared.get("methodIntegration") or {}, client)
    except UnsupportedIntegrationError as error:
        return Method(api_key_required, validator, None, f"{declared['httpMethod']} {path}: {error}")
    return Method(api_key_required, validator, integration)


def _check(snapshot: Mapping[str, Any], path: str, declared: Mapping[str, Any]) -> None:
    if "+}" in path:
        raise UnsupportedIntegrationError("greedy path parameters are not offered")
    if declared.get("authorizationType", "NONE") != "NONE":
        raise UnsupportedIntegrationError(f"authorization by {declared['authorizationType']} is not offered")
    if declared.get("apiKeyRequired") and snapshot["apiKeySource"] != "HEADER":
        raise UnsupportedIntegrationError(f"API key source {snapshot['apiKeySource']} is not offered")
