"""Reads a request's arguments wherever the client put them, in their own types.

Airflow's hook sends the query of a GET and its trigger a GET with a JSON body; both send numbers as text.
"""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from local.databricks.errors import ApiError, invalid_fields, invalid_parameter

# "The maximum allowed size of a request to the Jobs API is 10MB": https://docs.databricks.com/api/workspace/jobs
MAX_BODY_BYTES = 10 * 1000 * 1000


class Arguments(BaseModel):
    """Base of the arguments of a route; an argument that a route does not know is refused by name."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


async def read[A: Arguments](request: Request, model: type[A]) -> A:
    """Return the arguments of ``request``: those of its query, then those of its JSON body.

    :raises ApiError: when the body is not a JSON object or an argument is unknown or of a wrong type.
    """
    values: dict[str, object] = dict(request.query_params)
    if body := await _body(request):
        try:
            given = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ApiError(400, "MALFORMED_REQUEST", f"The body is not JSON: {error}") from None
        if not isinstance(given, dict):
            raise ApiError(400, "MALFORMED_REQUEST", f"The body is a JSON {type(given).__name__}, not an object")
        values |= given
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid_fields(error) from None


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ApiError(413, "REQUEST_LIMIT_EXCEEDED", f"The body is over {MAX_BODY_BYTES} bytes")
    return bytes(body)


def page_start(page_token: str | None) -> int | None:
    """Return the id that a page begins after, or None for the first page.

    :raises ApiError: when the token is not one that this server gave.
    """
    if not page_token:
        return None
    if not page_token.isdecimal():
        raise invalid_parameter(f"page_token {page_token!r} is not one that this server gave")
    return int(page_token)
