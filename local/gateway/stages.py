"""What is deployed where: followed in the background, so that no request waits for the control plane."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx

from local.gateway import api_definitions
from local.gateway.deployment import Deployment
from local.gateway.ministack import MinistackApiGateway
from local.gateway.usage_plans import UsagePlans

log = logging.getLogger(__name__)

POLL_S = 2.0


class Stages:
    """The deployed stages and their API keys, as ministack had them at the last look.

    :param ministack: the control plane.
    :param client: for requests to endpoints.
    """

    def __init__(self, ministack: MinistackApiGateway, client: httpx.AsyncClient) -> None:
        self._ministack = ministack
        self._client = client
        self._refreshing = asyncio.Lock()
        self._deployments: dict[tuple[str, str], Deployment] = {}
        self._stages: dict[tuple[str, str], tuple[str, str]] = {}
        self._variables: dict[tuple[str, str], dict[str, str]] = {}
        self._unusable: dict[tuple[str, str], str] = {}
        self.usage_plans = UsagePlans()
        self.loaded = False

    async def follow(self) -> None:
        """Refresh for ever; while ministack is away what it last said stays in force."""
        problem = ""
        while True:
            try:
                await self.refresh()
            except Exception as error:  # whatever an answer holds: stages that nobody follows would stay for ever
                if repr(error) != problem:
                    log.warning("ministack's API Gateway gives no stages, they stay as they were: %r", error)
                problem = repr(error)
            else:
                problem = ""
            await asyncio.sleep(POLL_S)

    async def refresh(self) -> None:
        """Take over stages, deployments and keys; a deployment that is known is not read again.

        :raises Exception: when the control plane does not answer, or not what it should; nothing is taken over then.
        """
        async with self._refreshing:
            stages: dict[tuple[str, str], tuple[str, str]] = {}
            variables: dict[tuple[str, str], dict[str, str]] = {}
            for api in await self._ministack.items("/restapis"):
                found = await self._ministack.find(f"/restapis/{api['id']}/stages") or {"item": []}
                for stage in found["item"]:
                    stages[api["id"], stage["stageName"]] = (api["id"], stage["deploymentId"])
                    variables[api["id"], stage["stageName"]] = stage.get("variables") or {}
            deployments, unusable = {}, {}
            for address in set(stages.values()):
                deployment = self._deployments.get(address)
                try:
                    deployments[address] = deployment or await self._load(*address)
                except httpx.HTTPError:
                    raise
                except Exception as error:  # one that nobody can execute must not hide the others
                    unusable[address] = f"deployment {address[1]} of API {address[0]} cannot be executed: {error!r}"
                    if address not in self._unusable:
                        log.exception(unusable[address])
            plans = await self._plans()
            self._stages, self._deployments, self._unusable = stages, deployments, unusable
            self._variables = variables
            self.usage_plans.update(plans)
            self.loaded = True

    async def _load(self, api_id: str, deployment_id: str) -> Deployment:
        snapshot = await api_definitions.snapshot(self._ministack, api_id, deployment_id)
        log.info("API %s: deployment %s is loaded", api_id, deployment_id)
        return Deployment(snapshot, self._client)

    async def _plans(self) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        enabled = {key["id"]: key for key in await self._ministack.items("/apikeys") if _is_enabled(key)}
        plans = []
        for plan in await self._ministack.items("/usageplans"):
            members = await self._ministack.items(f"/usageplans/{plan['id']}/keys")
            plans.append((plan, [enabled[member["id"]] for member in members if member["id"] in enabled]))
        return plans

    def find(self, api_id: str, stage: str) -> Deployment | str | None:
        """Return the stage's deployment, the reason why it cannot be executed, or None when there is no such stage."""
        address = self._stages.get((api_id, stage))
        if address is None:
            return None
        return self._deployments.get(address) or self._unusable[address]

    def variables(self, api_id: str, stage: str) -> dict[str, str]:
        """Return the stage's variables by name."""
        return self._variables.get((api_id, stage), {})

    def summary(self) -> list[dict[str, str]]:
        """Return what is deployed, for people."""
        return [
            {"api_id": api_id, "stage": stage, "deployment_id": address[1]}
            for (api_id, stage), address in sorted(self._stages.items())
        ]


def _is_enabled(key: dict[str, Any]) -> bool:
    """Whether a key may be used; a patch leaves text in ministack."""
    return str(key.get("enabled", True)).lower() == "true"
