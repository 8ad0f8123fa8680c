"""Refusals as Kafka Connect words them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class ConnectError(Exception):
    """A request that is answered by ``{"error_code", "message"}``.

    :param status: HTTP status, and Connect's error code.
    :param message: what was wrong and what would be right.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class InvalidConfigError(ConnectError):
    """A connector configuration with faults.

    :param faults: the messages about each key.
    """

    def __init__(self, faults: Mapping[str, Sequence[str]]) -> None:
        messages = [message for of_key in faults.values() for message in of_key]
        lines = "\n".join(messages)
        super().__init__(
            400,
            f"Connector configuration is invalid and contains the following {len(messages)} error(s):\n{lines}\n"
            "You can also find the above list of errors at the endpoint "
            "`/connector-plugins/{connectorType}/config/validate`",
        )
        self.faults = faults


def connector_not_found(name: str) -> ConnectError:
    """There is no connector of this name."""
    return ConnectError(404, f"Connector {name} not found")


def task_not_found(name: str, task: int) -> ConnectError:
    """The connector has no task of this number."""
    return ConnectError(404, f"Task {name}-{task} not found")


def already_exists(name: str) -> ConnectError:
    """A connector of this name is there: PUT its config to change it."""
    return ConnectError(409, f"Connector {name} already exists")
