"""Keeps secrets of connections out of what checks say: drivers repeat what they were given."""

from __future__ import annotations

from collections.abc import Collection

from pinpipe_airflow.preflight.connections import looked_up

MASK = "***"
_SHORTEST = 8  # shorter ones are parts of words
_SECRET_KEYS = ("password", "secret", "token", "private", "key")


def known_secrets() -> set[str]:
    """Return the secrets of all connections that were looked up."""
    secrets: set[str] = set()
    for connection in looked_up():
        extra = connection.extra_dejson
        secrets |= {connection.password or ""}
        secrets |= {str(value) for key, value in extra.items() if any(part in key.lower() for part in _SECRET_KEYS)}
    return {secret for secret in secrets if len(secret) >= _SHORTEST}


def masked(text: str, secrets: Collection[str]) -> str:
    """Return a text with ``***`` for every secret in it."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
