"""ministack's API Gateway as this stand-in uses it: plain REST, signed with the environment's credentials.

Not boto3, because ministack keeps and returns members that AWS' API does not know, and request validators and
snapshots of deployments live in such.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session

TIMEOUT_S = 5.0
_PAGE = 500


class MinistackError(Exception):
    """ministack refused a call.

    :param response: its answer, to be handed on as it is.
    """

    def __init__(self, response: httpx.Response) -> None:
        request = response.request
        super().__init__(f"{request.method} {request.url.path}: {response.status_code} {response.text[:500]}")
        self.response = response


class MinistackApiGateway:
    """Calls ministack's API Gateway.

    :param url: ministack, ``http://127.0.0.1:<port>``.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self.client = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False)
        session = Session()
        self._region = session.get_config_variable("region") or "us-east-1"
        credentials = session.get_credentials()
        if credentials is None:
            raise RuntimeError("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        self._credentials = credentials

    @property
    def access_key(self) -> str:
        """The access key id that callers must sign with."""
        return str(self._credentials.access_key)

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON answer to ``method path``, None when it is empty.

        :raises MinistackError: when the status is not 2xx.
        :raises httpx.HTTPError: when ministack does not answer.
        """
        content = b"" if body is None else orjson.dumps(body)
        request = AWSRequest(method=method, url=f"{self._url}{path}", data=content)
        request.headers["Content-Type"] = "application/json"
        SigV4Auth(self._credentials, "apigateway", self._region).add_auth(request)
        response = await self.client.request(method, path, content=content, headers=dict(request.headers))
        if not response.is_success:
            raise MinistackError(response)
        return orjson.loads(response.content) if response.content else None

    async def find(self, path: str) -> Any:
        """Return the JSON answer to a GET, None when there is no such thing."""
        try:
            return await self.call("GET", path)
        except MinistackError as error:
            if error.response.status_code == 404:
                return None
            raise

    async def items(self, path: str) -> list[dict[str, Any]]:
        """Return all elements of a collection, page by page."""
        found: list[dict[str, Any]] = []
        position = None
        while True:
            query = urlencode({"limit": _PAGE, **({"position": position} if position else {})})
            page = await self.call("GET", f"{path}?{query}")
            found += page.get("item", [])
            position = page.get("position")
            if not position:
                return found

    async def patch(self, path: str, **members: Any) -> Any:
        """Set members of a thing; unlike AWS, ministack takes any name and any JSON value."""
        operations = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in members.items()]
        return await self.call("PATCH", path, {"patchOperations": operations})

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()
