"""An AWS service as integrations call it: one signed POST for each action, in the JSON protocol.

The address is what botocore finds, so ``AWS_ENDPOINT_URL`` leads to ministack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import httpx
import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.session import Session

from local.gateway.integrations import kinesis
from local.gateway.integrations.call import UnsupportedIntegrationError
from local.gateway.responses import endpoint_timed_out, endpoint_unreachable

# Each with what tells why the service refuses a body that its stand-in would take.
SERVICES: Mapping[str, Callable[[bytes], str | None]] = {"kinesis": kinesis.fault_of}


class ServiceEndpoint:
    """A service in a region.

    :param service: its name in an integration's URI.
    :param client: keeps the connections.
    :raises UnsupportedIntegrationError: when the service is not offered, or there are no credentials.
    """

    def __init__(self, service: str, region: str, client: httpx.AsyncClient) -> None:
        if service not in SERVICES:
            raise UnsupportedIntegrationError(f"the service {service} is not offered: {', '.join(SERVICES)} is")
        credentials = _session().get_credentials()
        if credentials is None:
            raise UnsupportedIntegrationError("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        self._service = service
        self._client = client
        self._url = _session().create_client(service, region_name=region).meta.endpoint_url
        self._signer = SigV4Auth(credentials, service, region)

    def check_action(self, action: str) -> None:
        """Raise UnsupportedIntegrationError when the service has no such action."""
        if action not in _model(self._service).operation_names:
            raise UnsupportedIntegrationError(f"{self._service} has no action {action}")

    async def call(self, action: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Return status and body of the service's answer.

        :param headers: names in lower case.
        :raises GatewayError: 504 when it does not answer in time, or not at all.
        """
        fault = SERVICES[self._service](body)
        if fault:
            return 400, orjson.dumps({"__type": "ValidationException", "message": fault})
        target = f"{_model(self._service).metadata['targetPrefix']}.{action}"
        request = AWSRequest("POST", self._url, headers={**headers, "x-amz-target": target}, data=body)
        self._signer.add_auth(request)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._client.post(self._url, headers=dict(request.headers), content=body)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise endpoint_timed_out() from error
        except httpx.TransportError as error:
            raise endpoint_unreachable() from error
        return answer.status_code, answer.content


@cache
def _session() -> Session:
    return Session()  # one for all: it keeps the services' descriptions, which take a tenth of a second to read


@cache
def _model(service: str) -> Any:
    return _session().get_service_model(service)
