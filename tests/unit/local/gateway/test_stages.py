from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from local.gateway import stages as following
from local.gateway.ministack import MinistackApiGateway
from local.gateway.stages import Stages

SOUND = {"models": [], "requestValidators": [], "apiKeySource": "HEADER", "resources": []}
BAD_MODEL = {"name": "Bad", "schema": '{"type": "string", "pattern": "("}'}
METHOD = {"httpMethod": "GET", "requestModels": {"application/json": "Bad"}}
BROKEN = {**SOUND, "models": [BAD_MODEL], "resources": [{"path": "/", "resourceMethods": {"GET": METHOD}}]}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(following, "POLL_S", 0.01)


class Ministack:
    """Answers as told: the deployment's snapshot by API, and anything at all instead of the list of APIs."""

    def __init__(self, **snapshots: dict[str, Any]) -> None:
        self.snapshots = snapshots
        self.of_stage: dict[str, Any] = {}
        self.instead: httpx.Response | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.strip("/").split("/")
        if path == ["restapis"] and self.instead is not None:
            return self.instead
        if path == ["restapis"]:
            return httpx.Response(200, json={"item": [{"id": api} for api in self.snapshots]})
        if path[-1] == "stages":
            return httpx.Response(200, json={"item": [{"stageName": "prod", "deploymentId": "d", **self.of_stage}]})
        if path[-2:] == ["deployments", "d"]:
            return httpx.Response(200, json={"id": "d", "snapshot": self.snapshots[path[1]]})
        return httpx.Response(200, json={"item": []})

    def stages(self) -> Stages:
        client = MinistackApiGateway("http://ministack")
        client.client = httpx.AsyncClient(base_url="http://ministack", transport=httpx.MockTransport(self))
        return Stages(client, httpx.AsyncClient())


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_deployment_that_cannot_be_executed_says_so_and_hides_no_other() -> None:
    stages = Ministack(good=SOUND, bad=BROKEN).stages()
    asyncio.run(stages.refresh())

    assert not isinstance(stages.find("good", "prod"), str | None)
    assert "deployment d of API bad cannot be executed" in str(stages.find("bad", "prod"))


def test_variables_of_a_stage_are_as_the_control_plane_has_them() -> None:
    ministack = Ministack(one=SOUND)
    stages = ministack.stages()
    asyncio.run(stages.refresh())
    assert stages.variables("one", "prod") == {}

    ministack.of_stage = {"variables": {"color": "blue"}}
    asyncio.run(stages.refresh())
    assert stages.variables("one", "prod") == {"color": "blue"}
    assert stages.variables("one", "test") == {}


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"item": [{}]}', b'{"item": null}'])
def test_an_answer_of_another_shape_leaves_the_stages_as_they_are_and_the_next_is_heeded(answer: bytes) -> None:
    ministack = Ministack(one=SOUND)
    stages = ministack.stages()

    async def run() -> None:
        follower = asyncio.create_task(stages.follow())
        await until(lambda: stages.loaded)
        ministack.instead = httpx.Response(200, content=answer)
        await asyncio.sleep(0.1)
        assert stages.find("one", "prod")
        ministack.instead = None
        ministack.snapshots["two"] = SOUND
        await until(lambda: stages.find("two", "prod"))
        follower.cancel()

    asyncio.run(run())
