from __future__ import annotations

from typing import Any

import httpx

from local.gateway import __main__ as gateway


def test_connections_are_kept_longer_than_clients_keep_them(monkeypatch) -> None:
    served: dict[str, Any] = {}
    for name, value in {"ENDPOINT_URL": "http://127.0.0.1:1", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setattr(gateway.uvicorn, "run", lambda _, **given: served.update(given))
    gateway.main()
    # With both as long a client may send into a connection that is just being closed, and get no answer.
    assert served["timeout_keep_alive"] > 2 * httpx._config.DEFAULT_LIMITS.keepalive_expiry
