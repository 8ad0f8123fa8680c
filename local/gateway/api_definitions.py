"""Writes an imported document into ministack, and takes the snapshot that a deployment is.

On AWS a deployment is "a point-in-time snapshot of your API", executed whatever is edited afterwards; ministack keeps
only its id and description, so the snapshot is added to its record, where it also outlives a restart.
"""

from __future__ import annotations

import secrets
from typing import Any
from urllib.parse import quote

import orjson

from local.gateway.ministack import MinistackApiGateway
from local.gateway.openapi import ImportedApi, ImportedMethod


async def create(ministack: MinistackApiGateway, imported: ImportedApi) -> dict[str, Any]:
    """Create an API from ``imported`` and return it; it gets its name last, so that half of one is in nobody's way."""
    api = await ministack.call("POST", "/restapis", {**imported.settings, "name": ""})
    await _write(ministack, api["id"], imported)
    return dict(await ministack.patch(f"/restapis/{api['id']}", **imported.settings))


async def overwrite(ministack: MinistackApiGateway, api_id: str, imported: ImportedApi) -> dict[str, Any]:
    """Replace the definition of an API by ``imported``; its id, stages and deployments stay."""
    for resource in await ministack.items(f"/restapis/{api_id}/resources"):
        if resource.get("parentId"):
            await ministack.call("DELETE", f"/restapis/{api_id}/resources/{resource['id']}")
            continue
        for http_method in list(resource.get("resourceMethods") or {}):
            await ministack.call("DELETE", f"/restapis/{api_id}/resources/{resource['id']}/methods/{http_method}")
    for model in await ministack.items(f"/restapis/{api_id}/models"):
        await ministack.call("DELETE", f"/restapis/{api_id}/models/{quote(model['name'], safe='')}")
    for response in await _gateway_responses(ministack, api_id):
        await ministack.call("DELETE", f"/restapis/{api_id}/gatewayresponses/{response['responseType']}")
    await _write(ministack, api_id, imported)
    return dict(await ministack.patch(f"/restapis/{api_id}", **imported.settings))


async def _write(ministack: MinistackApiGateway, api_id: str, imported: ImportedApi) -> None:
    validators: list[dict[str, Any]] = [
        {"id": secrets.token_hex(3), "name": name, **flags} for name, flags in imported.validators.items()
    ]
    await ministack.patch(f"/restapis/{api_id}", requestValidators=validators)
    for name, schema in imported.models.items():
        body = {"name": name, "contentType": "application/json", "schema": orjson.dumps(schema).decode()}
        await ministack.call("POST", f"/restapis/{api_id}/models", body)
    for response_type, response in imported.gateway_responses.items():
        await ministack.call("PUT", f"/restapis/{api_id}/gatewayresponses/{response_type}", response)
    resources = await ministack.items(f"/restapis/{api_id}/resources")
    ids = {resource["path"]: resource["id"] for resource in resources}
    validator_ids = {validator["name"]: validator["id"] for validator in validators}
    for method in imported.methods:
        resource_id = await _resource(ministack, api_id, method.path, ids)
        await _write_method(ministack, f"/restapis/{api_id}/resources/{resource_id}", method, validator_ids)


async def _resource(ministack: MinistackApiGateway, api_id: str, path: str, ids: dict[str, str]) -> str:
    current = "/"
    for part in path.strip("/").split("/"):
        parent = ids[current]
        current = f"{current.rstrip('/')}/{part}"
        if current not in ids:
            made = await ministack.call("POST", f"/restapis/{api_id}/resources/{parent}", {"pathPart": part})
            ids[current] = made["id"]
    return ids[current]


async def _write_method(
    ministack: MinistackApiGateway, resource: str, method: ImportedMethod, validator_ids: dict[str, str]
) -> None:
    path = f"{resource}/methods/{method.http_method}"
    await ministack.call("PUT", path, method.settings)
    if method.validator is not None:
        await ministack.patch(path, requestValidatorId=validator_ids[method.validator])
    await ministack.call("PUT", f"{path}/integration", method.integration)
    for status_code, response in method.integration_responses.items():
        await ministack.call("PUT", f"{path}/integration/responses/{status_code}", response)


async def snapshot(ministack: MinistackApiGateway, api_id: str, deployment_id: str) -> dict[str, Any]:
    """Return what a deployment deployed; the API as it is now becomes that where nothing was taken yet."""
    path = f"/restapis/{api_id}/deployments/{deployment_id}"
    deployment = await ministack.call("GET", path)
    if "snapshot" not in deployment:
        deployment = await ministack.patch(path, snapshot=await _current(ministack, api_id))
    return dict(deployment["snapshot"])


async def _current(ministack: MinistackApiGateway, api_id: str) -> dict[str, Any]:
    api = await ministack.call("GET", f"/restapis/{api_id}")
    return {
        "apiKeySource": api.get("apiKeySource", "HEADER"),
        "requestValidators": api.get("requestValidators", []),
        "models": await ministack.items(f"/restapis/{api_id}/models"),
        "resources": await ministack.items(f"/restapis/{api_id}/resources"),
        "gatewayResponses": await _gateway_responses(ministack, api_id),
    }


async def _gateway_responses(ministack: MinistackApiGateway, api_id: str) -> list[dict[str, Any]]:
    """Return the gateway responses that the API declares, without AWS' own."""
    every = await ministack.items(f"/restapis/{api_id}/gatewayresponses")
    return [response for response in every if not response["defaultResponse"]]
