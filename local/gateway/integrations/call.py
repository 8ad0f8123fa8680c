"""What every integration gets and gives."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from starlette.responses import Response

from local.gateway.responses import RawHeaders

DEFAULT_TIMEOUT_MS = 29_000


class UnsupportedIntegrationError(Exception):
    """The integration asks for something that this stand-in does not execute; the message names it."""


@dataclass(frozen=True)
class Call:
    """A request that passed every check of its method.

    :param path_parameters: decoded values by name.
    :param query: the query string as it came.
    :param headers: in lower case, as they came.
    :param source_ip: address of the caller.
    :param stage: name of the stage.
    :param stage_variables: values by name.
    :param request_id: names the request in its answer and to templates.
    """

    api_id: str
    http_method: str
    path_parameters: Mapping[str, str]
    query: bytes
    headers: RawHeaders
    body: bytes
    source_ip: str
    stage: str = ""
    stage_variables: Mapping[str, str] = field(default_factory=dict)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Integration(Protocol):
    """Executes calls of one method."""

    async def execute(self, call: Call) -> Response:
        """Return the answer; raises ``GatewayError`` for what AWS answers by itself."""
        ...
