"""What an Airflow connection's secret holds, and what it lacks of what the pipeline needs. Pure."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Other names that Airflow's backend knows the fields by:
# https://airflow.apache.org/docs/apache-airflow-providers-amazon/stable/secrets-backends/aws-secrets-manager.html
_NAMES = {
    "login": ("login", "user", "username", "user_name"),
    "password": ("password", "pass", "key"),
    "host": ("host", "remote_host", "server"),
    "schema": ("schema", "database"),
    "conn_type": ("conn_type", "conn_id", "connection_type", "engine"),
}


class UnreadableSecretError(ValueError):
    """A secret holds no connection; the message does not show what it holds."""


@dataclass(frozen=True)
class Completed:
    """A secret's content with what it lacked.

    :param text: the whole, as JSON; it differs from what the secret holds where anything ``changed``.
    :param changed: names of the fields that were missing or different, such as ``extra.bootstrap.servers``.
    """

    text: str
    changed: tuple[str, ...]

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Completed(changed={self.changed})"


def complete(text: str | None, fields: Mapping[str, Any], *, password_length: int | None, name: str) -> Completed:
    """Return a connection with ``fields`` as they are to be; whatever else it holds stays.

    :param text: what the secret holds, JSON or a URI; ``None``: nothing.
    :param fields: of the connection; of ``extra`` the keys that are given.
    :param password_length: characters of the password that it gets where it has none; ``None``: it needs none.
    :param name: the secret's name, for messages.
    :raises UnreadableSecretError: when ``text`` is no connection.
    """
    known = _read(text, name)
    extra = _extra(known, name)
    changed = []
    for field, wanted in fields.items():
        if field == "extra":
            differing = [key for key, value in wanted.items() if extra.get(key) != value]
            if differing:
                known["extra"] = {**extra, **wanted}
                changed += [f"extra.{key}" for key in differing]
        elif known.get(key := _key(known, field)) != wanted:
            known[key] = wanted
            changed.append(field)
    if password_length and not known.get(key := _key(known, "password")):
        known[key] = _password(password_length)
        changed.append("password")
    return Completed(json.dumps(known), tuple(changed))


def unknown_fields(fields: Mapping[str, Any]) -> list[str]:
    """Return the names of fields that have no value."""
    plain = {name: value for name, value in fields.items() if name != "extra"}
    flat = {**plain, **{f"extra.{key}": value for key, value in fields.get("extra", {}).items()}}
    # A template of nothing is the text "None".
    return [name for name, value in flat.items() if value in (None, "", "None")]


def _read(text: str | None, name: str) -> dict[str, Any]:
    if text is None or not text.strip():
        return {}
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError:
            raise _unreadable(name) from None  # the error would show the text
    if "://" not in text:
        raise _unreadable(name)
    from airflow.sdk import Connection

    try:
        found = Connection.from_uri(text.strip(), conn_id=name)
    except Exception:
        raise _unreadable(name) from None
    parts = {part: getattr(found, part) for part in ("conn_type", "host", "login", "password", "schema", "port")}
    parts["extra"] = found.extra_dejson
    return {part: value for part, value in parts.items() if value}


def _extra(known: Mapping[str, Any], name: str) -> dict[str, Any]:
    extra = known.get("extra") or {}
    try:
        return dict(json.loads(extra) if isinstance(extra, str) else extra)
    except (TypeError, ValueError):
        raise _unreadable(name) from None


def _key(known: Mapping[str, Any], field: str) -> str:
    """Return by which of its names a connection has a field."""
    return next((name for name in _NAMES.get(field, ()) if name in known), field)


def _password(length: int) -> str:
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(length))


def _unreadable(name: str) -> UnreadableSecretError:
    return UnreadableSecretError(
        f"secret {name!r} holds no Airflow connection, neither as a JSON object nor as a URI: correct it, or delete "
        "it, then run this again"
    )
