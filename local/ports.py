"""The one table of ports; ``PINPIPE_PORT_OFFSET`` moves all of them."""

from __future__ import annotations

import os

from include.environment import SettingsError

HOST = "127.0.0.1"
_LOWEST, _HIGHEST = 1024, 65535

_BASE = {
    "airflow": 8080,
    "gateway": 15000,
    "supervisor": 15001,
    "kafka_rest": 15082,
    "connect": 15083,
    "databricks": 15090,
    "kafka": 15092,
    "kafka_controller": 15093,
    "postgres": 15432,
    "ministack": 15566,
}


def port(service: str) -> int:
    """Return the port of ``service``: its base port plus ``PINPIPE_PORT_OFFSET`` (default 0).

    :raises SettingsError: when the offset is not a whole number or leaves the range of ports.
    """
    text = os.environ.get("PINPIPE_PORT_OFFSET", "0")
    try:
        number = _BASE[service] + int(text)
    except ValueError:
        raise SettingsError(f"PINPIPE_PORT_OFFSET={text!r} is not a whole number: set for example 1000") from None
    if not _LOWEST <= number <= _HIGHEST:
        least, most = _LOWEST - min(_BASE.values()), _HIGHEST - max(_BASE.values())
        raise SettingsError(
            f"PINPIPE_PORT_OFFSET={text} puts {service} on port {number}, and ports that all may listen on are "
            f"{_LOWEST} to {_HIGHEST}: choose an offset from {least} to {most}"
        )
    return number


def url(service: str) -> str:
    """Return ``http://127.0.0.1:<port>`` of an HTTP service."""
    return f"http://{HOST}:{port(service)}"


def services() -> tuple[str, ...]:
    """Return the names of everything that listens."""
    return tuple(_BASE)
