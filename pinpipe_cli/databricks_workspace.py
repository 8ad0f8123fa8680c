"""The Databricks workspace that the shell names, and the token by which it is asked.

A service principal's token is of an hour: https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

_TIMEOUT_S = 30
_BY_SERVICE_PRINCIPAL = "service_principal_oauth"  # the provider's extra
_WAYS = "DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET of a service principal"


@dataclass(frozen=True)
class Workspace:
    """A workspace, and who asks.

    :param url: of the workspace, with its scheme.
    :param token: bearer token.
    """

    url: str
    token: str = field(repr=False)


def workspace(environment: Mapping[str, str], conn_id: str) -> Workspace:
    """Return the workspace that the shell names.

    :param environment: variables: ``DATABRICKS_HOST`` with ``DATABRICKS_TOKEN``, or with ``DATABRICKS_CLIENT_ID`` and
        ``DATABRICKS_CLIENT_SECRET``; else Airflow's of the connection.
    :param conn_id: id of Airflow's connection to Databricks.
    :raises LookupError: when they name none, or the workspace gives the service principal no token.
    """
    host, token, client, secret = (
        environment.get(f"DATABRICKS_{name}", "") for name in ("HOST", "TOKEN", "CLIENT_ID", "CLIENT_SECRET")
    )
    if host and token:
        return Workspace(_address(host, "https", None), token)
    if host and client and secret:
        return _of_service_principal(_address(host, "https", None), client, secret)
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if connection := environment.get(variable):
        return _of_connection(connection, variable)
    missing = _WAYS if host else f"DATABRICKS_HOST, and {_WAYS}"
    raise LookupError(f"no Databricks workspace is named: set {missing}; or {variable}")


def _of_connection(connection: str, variable: str) -> Workspace:
    try:
        told = json.loads(connection) if connection.lstrip().startswith("{") else _of_uri(connection)
        extra = told.get("extra") or {}
        extra = dict(json.loads(extra) if isinstance(extra, str) else extra)
        host, scheme, port = (told.get(name) for name in ("host", "schema", "port"))
        login, password = str(told.get("login") or ""), str(told.get("password") or extra.get("token") or "")
    except (ValueError, TypeError, AttributeError) as error:  # its text might hold the token
        raise LookupError(f"{variable} is neither JSON nor the URI of a connection") from error
    if not host or not password:
        raise LookupError(f"{variable} has no {'token as its password' if host else 'host'}")
    url = _address(str(host), str(scheme or "https"), port)
    # In a URI everything is text.
    if str(extra.get(_BY_SERVICE_PRINCIPAL, "")).lower() == "true":
        return _of_service_principal(url, login, password)
    return Workspace(url, password)


def _of_uri(connection: str) -> dict[str, Any]:
    """Return the parts of a connection's URI.

    https://airflow.apache.org/docs/apache-airflow/stable/howto/connection.html#uri-format
    """
    parts = urlsplit(connection)
    query = dict(parse_qsl(parts.query))
    return {
        "host": parts.hostname,
        "schema": parts.path.strip("/"),
        "port": parts.port,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "extra": json.loads(query["__extra__"]) if "__extra__" in query else query,
    }


def _of_service_principal(url: str, client: str, secret: str) -> Workspace:
    asked = f"{url}/oidc/v1/token"
    try:
        answer = requests.post(
            asked,
            auth=(client, secret),
            data={"grant_type": "client_credentials", "scope": "all-apis"},
            timeout=_TIMEOUT_S,
        )
        if answer.ok:
            return Workspace(url, str(answer.json()["access_token"]))
    except requests.RequestException as error:
        raise LookupError(f"Databricks at {asked} does not answer ({error})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise LookupError(f"{asked} answers without a token: is it the address of a workspace?") from error
    raise LookupError(
        f"Databricks at {asked} gives the service principal {client!r} no token ({answer.status_code}: "
        f"{answer.text[:200]}): its secret may be another or have ended"
    )


def _address(host: str, scheme: str, port: int | str | None) -> str:
    if "://" in host:
        return host.rstrip("/")
    return f"{scheme}://{host.rstrip('/')}" + (f":{port}" if port else "")
