"""Refusals in the shape of Databricks' REST API: an HTTP status and ``{"error_code", "message"}``."""

from __future__ import annotations

from pydantic import ValidationError


class ApiError(Exception):
    """A request that is refused.

    :param status: HTTP status.
    :param error_code: Databricks' name of the error.
    :param message: what is wrong and the way out.
    """

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message


def invalid_parameter(message: str) -> ApiError:
    """Return a 400 for a value that cannot be taken.

    Databricks answers so for jobs and runs that do not exist, too; its SDKs translate exactly this answer.
    """
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def invalid_state(message: str) -> ApiError:
    """Return a 400 for what the present state of a job or run does not allow."""
    return ApiError(400, "INVALID_STATE", message)


def not_found(message: str) -> ApiError:
    """Return a 404 of the Files API."""
    return ApiError(404, "NOT_FOUND", message)


def invalid_fields(error: ValidationError) -> ApiError:
    """Return a 400 that names every field of ``error`` and what is wrong with it."""
    reasons = []
    for problem in error.errors(include_url=False, include_input=False):
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]).lstrip(".")
        if problem["type"] == "extra_forbidden":
            reasons.append(f"{field}: the local stand-in does not support this field; leave it out")
        else:
            reasons.append(f"{field}: {problem['msg']}" if field else problem["msg"])
    return invalid_parameter("; ".join(reasons))
