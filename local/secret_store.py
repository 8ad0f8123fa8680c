"""The local world's passwords, keys and tokens: random, made at first start, in one file of mode 600."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from local.home import home

TOKENS = (
    "airflow_admin_password",
    "airflow_database_password",
    "airflow_jwt_secret",
    "airflow_secret_key",
    "api_key",
    "connect_password",
    "databricks_token",
    "postgres_password",
    "source_password",
    "supervisor_password",
)


def secret_file() -> Path:
    """Return the file that holds the secrets of this world."""
    return home() / "secrets.json"


def load() -> dict[str, str]:
    """Return the secrets, making those that are missing.

    :returns: one text for each name; ``fernet_key`` is a key for Airflow's encryption.
    """
    file = secret_file()
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in (*TOKENS, "fernet_key") if name not in known]
    if missing:
        for name in missing:
            known[name] = secrets.token_urlsafe(24)
        if "fernet_key" in missing:
            known["fernet_key"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        write_private(file, json.dumps(known, indent=2))
    return known


def write_private(file: Path, text: str) -> None:
    """Write ``text`` to ``file`` so that at no moment anybody but its owner can read it."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    fresh.replace(file)
