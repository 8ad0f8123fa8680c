"""Answers that API Gateway gives by itself, in AWS' words, and how they are raised.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html, and for
the messages what the service answers.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from enum import StrEnum

import orjson
from starlette.responses import Response

RawHeaders = list[tuple[bytes, bytes]]


class ResponseType(StrEnum):
    """AWS' names of the answers that this gateway gives and an API may word otherwise."""

    BAD_REQUEST_BODY = "BAD_REQUEST_BODY"
    BAD_REQUEST_PARAMETERS = "BAD_REQUEST_PARAMETERS"
    INTEGRATION_FAILURE = "INTEGRATION_FAILURE"
    INTEGRATION_TIMEOUT = "INTEGRATION_TIMEOUT"
    INVALID_API_KEY = "INVALID_API_KEY"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    THROTTLED = "THROTTLED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"


class GatewayError(Exception):
    """A request that ends in the gateway itself.

    :param status: HTTP status.
    :param message: the ``message`` of the JSON body.
    :param error_type: value of ``x-amzn-ErrorType``.
    :param response_type: by which an API may word it otherwise, if it may.
    :param reason: what exactly a validator found.
    :ivar headers: that an API adds to it, names in lower case.
    """

    def __init__(
        self, status: int, message: str, error_type: str, response_type: ResponseType | None = None, reason: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error_type = error_type
        self.response_type = response_type
        self.reason = reason
        self.body = orjson.dumps({"message": message})
        self.headers: RawHeaders = []

    def response(self) -> Response:
        """Return the error as AWS' clients know it."""
        headers = [(b"content-type", b"application/json"), (b"x-amzn-errortype", self.error_type.encode())]
        headers += self.headers
        return with_request_id(self.status, self.body, headers)


def with_request_id(
    status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]], request_id: str | None = None
) -> Response:
    """Return a response with exactly these headers, its length and a request id.

    :param headers: names in lower case; repeated ones (``set-cookie``) stay repeated.
    :param request_id: of the request where it has one, else a new one.
    """
    response = Response(status_code=status)
    response.body = body
    response.raw_headers = [
        *headers,
        (b"content-length", str(len(body)).encode()),
        (b"x-amzn-requestid", (request_id or str(uuid.uuid4())).encode()),
    ]
    return response


def forbidden() -> GatewayError:
    """No such API or stage, or no key that it takes."""
    return GatewayError(403, "Forbidden", "ForbiddenException", ResponseType.INVALID_API_KEY)


def missing_authentication_token() -> GatewayError:
    """No such resource or method: AWS answers so, and not with 404."""
    return GatewayError(403, "Missing Authentication Token", "MissingAuthenticationTokenException")


def too_many_requests() -> GatewayError:
    """The key's token bucket is empty."""
    return GatewayError(429, "Too Many Requests", "TooManyRequestsException", ResponseType.THROTTLED)


def request_too_long() -> GatewayError:
    """The body is larger than API Gateway's payload limit."""
    return GatewayError(413, "Request Too Long", "RequestTooLongException", ResponseType.REQUEST_TOO_LARGE)


def bad_request(message: str) -> GatewayError:
    """A request that cannot be read, or a path parameter that could lead elsewhere."""
    return GatewayError(400, message, "BadRequestException")


def missing_parameters(names: Iterable[str]) -> GatewayError:
    """Required parameters are not there."""
    message = f"Missing required request parameters: [{', '.join(names)}]"
    return GatewayError(400, message, "BadRequestException", ResponseType.BAD_REQUEST_PARAMETERS, message)


def invalid_body(reason: str) -> GatewayError:
    """The body is not as its model says, because of ``reason``."""
    return GatewayError(400, "Invalid request body", "BadRequestException", ResponseType.BAD_REQUEST_BODY, reason)


def unsupported_media_type() -> GatewayError:
    """The integration has no template for the body's content type, and does not take it as it is."""
    return GatewayError(
        415, "Unsupported Media Type", "UnsupportedMediaTypeException", ResponseType.UNSUPPORTED_MEDIA_TYPE
    )


def body_too_slow(timeout_s: float) -> GatewayError:
    """The client went on connected but did not send its body."""
    return GatewayError(408, f"The body did not arrive within {timeout_s:g} s", "RequestTimeoutException")


def endpoint_timed_out() -> GatewayError:
    """The integration did not answer within its timeout."""
    return GatewayError(
        504, "Endpoint request timed out", "InternalServerErrorException", ResponseType.INTEGRATION_TIMEOUT
    )


def endpoint_unreachable() -> GatewayError:
    """The integration refused the connection or broke it off."""
    return GatewayError(
        504,
        "Network error communicating with endpoint",
        "InternalServerErrorException",
        ResponseType.INTEGRATION_FAILURE,
    )


def internal_server_error() -> GatewayError:
    """A fault of the gateway itself; its log says which."""
    return GatewayError(500, "Internal server error", "InternalServerErrorException")


def not_offered(message: str) -> GatewayError:
    """AWS can do it, this stand-in cannot."""
    return GatewayError(501, message, "NotImplementedException")


def unavailable(message: str) -> GatewayError:
    """The control plane has not answered yet, or does not now."""
    return GatewayError(503, message, "ServiceUnavailableException")
