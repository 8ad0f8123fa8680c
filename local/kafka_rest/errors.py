"""Refusals as the REST proxy words them: an HTTP status, a code and a message."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - an answer, not a defect
    """A request that is answered by an error.

    :param status: HTTP status.
    :param error_code: Confluent's code: the status, or the status followed by two digits.
    :param message: what was wrong and what would be right.
    :param retry_after: seconds after which the same request may succeed, if it may.
    """

    def __init__(self, status: int, error_code: int, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code
        self.message = message
        self.retry_after = retry_after


def topic_not_found(topic: str) -> Refusal:
    """The topic is not there; topics are provisioned, never made by a first record."""
    return Refusal(404, 40401, f"Topic {topic!r} not found: GET /topics lists those there are.")


def malformed(reason: str) -> Refusal:
    """The body is not a produce request."""
    return Refusal(422, 42201, f"Malformed request: {reason}")


def unsupported_media_type(given: str, wanted: str) -> Refusal:
    """The content type is not the one embedded format that this proxy takes."""
    return Refusal(415, 415, f"HTTP 415 Unsupported Media Type: {given!r}, wanted {wanted}")


def body_too_large(limit: int) -> Refusal:
    """The body is over the limit (bytes)."""
    return Refusal(413, 413, f"Request body over {limit} bytes: send fewer records per request")


def queue_full(waiting: int, limit: int) -> Refusal:
    """Too many records wait for the broker already."""
    return Refusal(429, 429, f"{waiting} of at most {limit} records wait for the broker: retry later", retry_after=1)


def broker_unavailable(reason: str) -> Refusal:
    """The broker does not answer, so that not even the topic's existence is known."""
    return Refusal(503, 50302, f"Kafka is not available: {reason}", retry_after=1)


def deliveries_unknown(timeout_s: float) -> Refusal:
    """The producer did not tell the fate of every record in time; a retry may repeat records."""
    return Refusal(500, 50002, f"Kafka did not confirm every record within {timeout_s:g} s")
