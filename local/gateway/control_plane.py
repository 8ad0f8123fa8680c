"""API Gateway's control plane: ministack's, with the operations completed that it has not or has differently.

Every other request is handed to ministack unchanged. Writes happen one at a time, so that a deployment never takes
its snapshot from half an import.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from local.gateway import api_definitions
from local.gateway.ministack import MinistackApiGateway, MinistackError
from local.gateway.openapi import InvalidDocumentError, parse
from local.gateway.request_body import read_body
from local.gateway.responses import GatewayError, bad_request, not_offered, unavailable

log = logging.getLogger(__name__)

COLLECTIONS = frozenset({"account", "apikeys", "restapis", "tags", "usageplans"})
_HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade"})
_SHORTEST_KEY, _LONGEST_KEY = 20, 128

Answer = tuple[int, Any]
Operation = Callable[[Request, tuple[str, ...]], Awaitable[Answer]]


class ControlPlane:
    """Answers requests of AWS' clients.

    :param ministack: who keeps the state.
    :param written: called after every successful write, before it is answered: what was deployed is live then.
    """

    def __init__(self, ministack: MinistackApiGateway, written: Callable[[], Awaitable[None]]) -> None:
        self._ministack = ministack
        self._written = written
        self._writing = asyncio.Lock()
        self._operations: tuple[tuple[str, re.Pattern[str], Operation], ...] = (
            ("POST", re.compile(r"/restapis"), self._create_rest_api),
            ("PUT", re.compile(r"/restapis/([^/]+)"), self._put_rest_api),
            ("GET", re.compile(r"/restapis/([^/]+)/requestvalidators(?:/([^/]+))?"), self._request_validators),
            ("POST", re.compile(r"/restapis/([^/]+)/deployments"), self._create_deployment),
            ("GET", re.compile(r"/restapis/([^/]+)/deployments(?:/([^/]+))?"), self._deployments),
            ("POST", re.compile(r"/apikeys"), self._create_api_key),
            ("GET", re.compile(r"/apikeys(?:/([^/]+))?"), self._api_keys),
            ("PATCH", re.compile(r"/usageplans/([^/]+)"), self._update_usage_plan),
            ("POST", re.compile(r"/usageplans/([^/]+)/keys"), self._create_usage_plan_key),
        )

    async def handle(self, request: Request) -> Response:
        """Answer one request.

        :raises GatewayError: when the request is refused here, or ministack does not answer.
        """
        self._authenticate(request)
        request = _read(request, await read_body(request))  # before the lock: nobody waits for a slow client
        try:
            if request.method == "GET":
                return await self._answer(request)
            async with self._writing:
                response = await self._answer(request)
                if response.status_code < 300:
                    await self._show()
                return response
        except (InvalidDocumentError, orjson.JSONDecodeError) as error:
            raise bad_request(str(error)) from error
        except MinistackError as error:
            return _handed_on(error.response)
        except httpx.HTTPError as error:
            raise unavailable(f"ministack does not answer: {error!r}") from error

    def _authenticate(self, request: Request) -> None:
        """Refuse what is not signed with the world's access key: a page in a browser could send the rest."""
        expected = f"AWS4-HMAC-SHA256 Credential={self._ministack.access_key}/"
        given = request.headers.get("authorization", "")[: len(expected)]
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise GatewayError(
                403, "The security token included in the request is invalid.", "UnrecognizedClientException"
            )

    async def _show(self) -> None:
        """Make the write visible; it is done, so a failure here must not make the caller repeat it."""
        try:
            await self._written()
        except Exception as error:
            log.warning("what was written is live at the next look only: %r", error)

    async def _answer(self, request: Request) -> Response:
        path = raw_path(request)
        for method, pattern, operation in self._operations:
            match = pattern.fullmatch(path)
            if method == request.method and match:
                status, body = await operation(request, match.groups())
                return Response(orjson.dumps(body), status, media_type="application/json")
        if "/requestvalidators" in path:
            raise not_offered("request validators are changed by importing a document")
        return await self._forward(request)

    async def _forward(self, request: Request) -> Response:
        answer = await self._ministack.client.request(
            request.method,
            _target(request),
            content=await request.body(),
            headers=[(name, value) for name, value in request.headers.items() if name not in _HOP_BY_HOP],
        )
        return _handed_on(answer)

    async def _create_rest_api(self, request: Request, _: tuple[str, ...]) -> Answer:
        body = await request.body()
        if request.query_params.get("mode") != "import":
            return 201, await self._ministack.call("POST", "/restapis", orjson.loads(body))
        return 201, await api_definitions.create(self._ministack, parse(body))

    async def _put_rest_api(self, request: Request, ids: tuple[str, ...]) -> Answer:
        if request.query_params.get("mode") != "overwrite":
            raise not_offered("PutRestApi is offered with mode=overwrite only")
        imported = parse(await request.body())
        await self._ministack.call("GET", f"/restapis/{ids[0]}")
        return 200, await api_definitions.overwrite(self._ministack, ids[0], imported)

    async def _request_validators(self, _: Request, ids: tuple[str, ...]) -> Answer:
        api = await self._ministack.call("GET", f"/restapis/{ids[0]}")
        validators = api.get("requestValidators", [])
        if ids[1] is None:
            return 200, {"item": validators}
        for validator in validators:
            if validator["id"] == ids[1]:
                return 200, validator
        raise GatewayError(404, "Invalid Request Validator identifier specified", "NotFoundException")

    async def _create_deployment(self, request: Request, ids: tuple[str, ...]) -> Answer:
        wanted = orjson.loads(await request.body() or b"{}")
        stage_name = wanted.pop("stageName", None)
        api = f"/restapis/{ids[0]}"
        deployment = await self._ministack.call("POST", f"{api}/deployments", wanted)
        await api_definitions.snapshot(self._ministack, ids[0], deployment["id"])
        if stage_name and await self._ministack.find(f"{api}/stages/{stage_name}"):
            await self._ministack.patch(f"{api}/stages/{stage_name}", deploymentId=deployment["id"])
        elif stage_name:
            stage = {"stageName": stage_name, "deploymentId": deployment["id"]}
            await self._ministack.call("POST", f"{api}/stages", stage)
        return 201, deployment

    async def _deployments(self, request: Request, ids: tuple[str, ...]) -> Answer:
        found = await self._ministack.call("GET", _target(request))
        for deployment in [found] if ids[1] else found.get("item", []):
            deployment.pop("snapshot", None)
        return 200, found

    async def _create_api_key(self, request: Request, _: tuple[str, ...]) -> Answer:
        wanted = orjson.loads(await request.body())
        value = wanted.pop("value", None)
        if value is None:
            return 201, await self._ministack.call("POST", "/apikeys", wanted)
        if not _SHORTEST_KEY <= len(value) <= _LONGEST_KEY:
            raise bad_request(f"API Key value should be between {_SHORTEST_KEY} and {_LONGEST_KEY} characters")
        for key in await self._ministack.items("/apikeys"):
            if hmac.compare_digest(key["value"].encode(), value.encode()):
                raise GatewayError(409, "API Key already exists", "ConflictException")
        made = await self._ministack.call("POST", "/apikeys", wanted)
        return 201, await self._ministack.patch(f"/apikeys/{made['id']}", value=value)

    async def _api_keys(self, request: Request, ids: tuple[str, ...]) -> Answer:
        found = await self._ministack.call("GET", _target(request))
        keys = [found] if ids[0] else found.get("item", [])
        if request.query_params.get("includeValue" if ids[0] else "includeValues") != "true":
            for key in keys:
                key.pop("value", None)
        if not ids[0]:
            prefix = request.query_params.get("name", "")
            found["item"] = [key for key in keys if key["name"].startswith(prefix)]
        return 200, found

    async def _update_usage_plan(self, request: Request, ids: tuple[str, ...]) -> Answer:
        """Apply AWS' patches, whose values are text, to what ministack keeps as numbers and lists."""
        path = f"/usageplans/{ids[0]}"
        plan = await self._ministack.call("GET", path)
        members = {key: plan.get(key) or {} for key in ("throttle", "quota")}
        stages = list(plan.get("apiStages") or [])
        for operation in orjson.loads(await request.body())["patchOperations"]:
            op, target, value = operation["op"], operation["path"].split("/")[1:], operation.get("value")
            if target == ["apiStages"]:
                api_id, _, stage = value.partition(":")
                stages = [known for known in stages if (known["apiId"], known["stage"]) != (api_id, stage)]
                stages += [{"apiId": api_id, "stage": stage}] if op == "add" else []
            elif target == ["throttle", "rateLimit"] and op == "replace":
                members["throttle"]["rateLimit"] = float(value)
            elif target == ["throttle", "burstLimit"] and op == "replace":
                members["throttle"]["burstLimit"] = int(value)
            elif target in (["name"], ["description"]) and op == "replace":
                members[target[0]] = value
            else:
                raise not_offered(f"UpdateUsagePlan: {op} {operation['path']} is not offered")
        return 200, await self._ministack.patch(path, **members, apiStages=stages)

    async def _create_usage_plan_key(self, request: Request, ids: tuple[str, ...]) -> Answer:
        wanted = orjson.loads(await request.body())
        await self._ministack.call("GET", f"/apikeys/{wanted['keyId']}")
        if await self._ministack.find(f"/usageplans/{ids[0]}/keys/{wanted['keyId']}"):
            raise GatewayError(409, "Usage Plan Key already exists", "ConflictException")
        return 201, await self._ministack.call("POST", f"/usageplans/{ids[0]}/keys", wanted)


def raw_path(request: Request) -> str:
    """Return the path as it came: not the URL's, in which the Host header takes part."""
    return str(request.scope["raw_path"], "latin-1")


def _read(request: Request, body: bytes) -> Request:
    """Return a request whose body is there."""

    async def whole() -> Message:
        return {"type": "http.request", "body": body}

    return Request(request.scope, whole)


def _target(request: Request) -> str:
    """Return path and query as they came: an ARN in the path stays one encoded segment."""
    query = str(request.scope["query_string"], "latin-1")
    return f"{raw_path(request)}?{query}" if query else raw_path(request)


def _handed_on(answer: httpx.Response) -> Response:
    headers = {name: value for name, value in answer.headers.items() if name not in {*_HOP_BY_HOP, "content-encoding"}}
    return Response(answer.content, answer.status_code, headers)
