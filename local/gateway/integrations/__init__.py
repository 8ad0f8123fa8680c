"""What a method hands a request to: one module per kind of integration, all in one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from local.gateway.integrations.aws_service import AwsService
from local.gateway.integrations.call import Call, Integration, UnsupportedIntegrationError
from local.gateway.integrations.http_proxy import HttpProxy

__all__ = ["INTEGRATIONS", "Call", "Integration", "UnsupportedIntegrationError", "integration_of"]

INTEGRATIONS: Mapping[str, Callable[[Mapping[str, Any], httpx.AsyncClient], Integration]] = {
    "AWS": AwsService,
    "HTTP_PROXY": HttpProxy,
}


def integration_of(declared: Mapping[str, Any], client: httpx.AsyncClient) -> Integration:
    """Return the integration that ``declared`` (``GetIntegration``'s answer) describes.

    :param client: for requests to endpoints.
    :raises UnsupportedIntegrationError: when this stand-in cannot execute it.
    """
    kind = str(declared.get("type"))
    if kind not in INTEGRATIONS:
        raise UnsupportedIntegrationError(f"integration type {kind} is not offered: {', '.join(INTEGRATIONS)} are")
    return INTEGRATIONS[kind](declared, client)
