"""A workspace with Unity Catalog, as far as the pipeline uses it: a real HTTP server in a thread of the test.

Bodies must be those that Databricks' own SDK knows, field by field; what exists, may be seen and overlaps is judged as
Unity Catalog does, with its error codes. Another path than those it knows is a 501.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from databricks.sdk.service import catalog

TOKEN = "the-token"
MASTER_ROLE = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL"
EXTERNAL_ID = "7f000000-0000-4000-8000-00000000"
CREATED = {
    "credentials": catalog.CreateCredentialRequest,
    "external-locations": catalog.CreateExternalLocation,
    "catalogs": catalog.CreateCatalog,
    "schemas": catalog.CreateSchema,
    "volumes": catalog.CreateVolumeRequestContent,
}
CHANGED = {"credentials": catalog.UpdateCredentialRequest, "external-locations": catalog.UpdateExternalLocation}


class RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def round_trip(kind: Any, body: dict[str, Any]) -> None:
    """Refuse a body that the SDK's class of a request does not hold as it is, but for a field that is newer than it."""
    body = {key: value for key, value in body.items() if key != "enable_file_events"}
    try:
        known = kind.from_dict(body).as_dict()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"{kind.__name__}: {error!r}") from error
    if known != body:
        raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"{kind.__name__}: {body} is read as {known}")


class UnityWorkspace:
    """What the workspace holds, and what tests do to it.

    :param trusting: ARNs of the roles that trust Unity Catalog.
    :param denied: kinds of which this identity may create nothing.
    :param hidden: names that this identity may not see.
    :param principals: whom the account knows.
    :param requests: method and path of every request that changes something.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], dict[str, Any]] = {}
        self.grants: dict[tuple[str, str, str], set[str]] = {}
        self.trusting: set[str] = set()
        self.denied: set[str] = set()
        self.hidden: set[str] = set()
        self.principals: set[str] = set()
        self.requests: list[str] = []
        self.url = ""

    def names(self, kind: str) -> list[str]:
        return [name for found, name in self.objects if found == kind]

    def answer(
        self, method: str, path: str, query: dict[str, str], body: dict[str, Any] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            raise RefusedError(401, "UNAUTHENTICATED", "no token")
        if method != "GET":
            self.requests.append(f"{method} {path}")
        root, _, rest = path.partition("/api/2.1/unity-catalog/")
        kind, *names = [unquote(part) for part in rest.split("/")]
        if root or not kind:
            raise RefusedError(501, "NOT_IMPLEMENTED", path)
        if kind == "permissions":
            return self._permissions(method, *names, query=query, body=body)
        if (method, kind) == ("POST", "validate-credentials"):
            return self._validate(body or {})
        if kind not in (*CREATED, "tables"):
            raise RefusedError(501, "NOT_IMPLEMENTED", path)
        if method == "POST" and not names:
            return self._create(kind, body or {})
        if method == "GET" and not names:
            return self._list(kind, query)
        return self._one(method, kind, names[0], query, body)

    def _one(
        self, method: str, kind: str, name: str, query: dict[str, str], body: dict[str, Any] | None
    ) -> dict[str, Any]:
        found = self.objects.get((kind, name))
        if found is None or name in self.hidden:
            raise RefusedError(
                404, f"{kind[:-1].upper().replace('-', '_')}_DOES_NOT_EXIST", f"'{name}' does not exist."
            )
        if method == "PATCH":
            round_trip(CHANGED[kind], body or {})
            if "aws_iam_role" in (body or {}):
                found["aws_iam_role"] |= body["aws_iam_role"]
        elif method == "DELETE":
            if kind == "volumes" and query:
                raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"a volume's removal takes no {list(query)}")
            inside = [key for key in self.objects if key[1].startswith(f"{name}.")]
            if inside and query.get("force") != "true":
                raise RefusedError(400, "INVALID_STATE", f"'{name}' is not empty.")
            for key in [(kind, name), *inside]:
                self.objects.pop(key)
            return {}
        return found

    def _create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        round_trip(CREATED[kind], body)
        if kind in self.denied:
            raise RefusedError(403, "PERMISSION_DENIED", f"User does not have CREATE {kind.upper()} on Metastore 'm'.")
        name = ".".join(body[part] for part in ("catalog_name", "schema_name", "name") if part in body)
        parent, _, _ = name.rpartition(".")
        if parent and not any(found == parent for _, found in self.objects):
            raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", f"'{parent}' does not exist.")
        if (kind, name) in self.objects:
            raise RefusedError(409, "RESOURCE_ALREADY_EXISTS", f"'{name}' already exists")
        told = {**body, "full_name": name, "owner": "airflow"}
        told.pop("skip_validation", None)
        if kind == "credentials":
            external_id = f"{EXTERNAL_ID}{len(self.objects):04}"
            told["aws_iam_role"] = {
                **body["aws_iam_role"],
                "external_id": external_id,
                "unity_catalog_iam_arn": MASTER_ROLE,
            }
        elif kind == "external-locations":
            self._location(body)
        elif kind == "catalogs":
            self.objects["schemas", f"{name}.default"] = {"name": "default", "catalog_name": name, "owner": "airflow"}
            roots = [found["url"] for (found_kind, _), found in self.objects.items() if found_kind.startswith("ext")]
            if not any(body["storage_root"].startswith(root) for root in roots):
                raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"no external location holds {body['storage_root']}")
        self.objects[kind, name] = told
        return told

    def _location(self, body: dict[str, Any]) -> None:
        credential = self.objects.get(("credentials", body["credential_name"]))
        if credential is None:
            raise RefusedError(404, "STORAGE_CREDENTIAL_DOES_NOT_EXIST", f"no {body['credential_name']}")
        if credential["aws_iam_role"]["role_arn"] not in self.trusting:
            raise RefusedError(403, "PERMISSION_DENIED", "User: ... is not authorized to perform: sts:AssumeRole")
        self._refuse_overlap(body["url"])

    def _refuse_overlap(self, url: str, but: str | None = None) -> None:
        for (kind, name), found in self.objects.items():
            if kind != "external-locations" or name == but:
                continue
            if found["url"].startswith(url) or url.startswith(found["url"]):
                raise RefusedError(400, "LOCATION_OVERLAP", f"Input path url overlaps with external location '{name}'")

    def _list(self, kind: str, query: dict[str, str]) -> dict[str, Any]:
        """List by pages of one, as Unity Catalog may."""
        wanted = {name: query[name] for name in ("catalog_name", "schema_name") if name in query}
        found = [
            told
            for (found_kind, _), told in self.objects.items()
            if found_kind == kind and all(told.get(name) == value for name, value in wanted.items())
        ]
        start = int(query.get("page_token", 0))
        answer: dict[str, Any] = {kind: found[start : start + 1]}
        return answer | ({"next_page_token": str(start + 1)} if start + 1 < len(found) else {})

    def _validate(self, body: dict[str, Any]) -> dict[str, Any]:
        round_trip(catalog.ValidateCredentialRequest, body)
        found = self.objects.get(("credentials", body["credential_name"]))
        if found is None:
            raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", f"no {body['credential_name']}")
        named = body.get("external_location_name")
        if named and ("external-locations", named) not in self.objects:
            raise RefusedError(404, "EXTERNAL_LOCATION_DOES_NOT_EXIST", f"External Location '{named}' does not exist.")
        if "url" in body:
            self._refuse_overlap(body["url"], but=named)
        if found["aws_iam_role"]["role_arn"] in self.trusting:
            return {"isDir": True, "results": [{"result": "PASS", "message": ""}, {"result": "SKIP"}]}
        return {"results": [{"result": "FAIL", "message": "not authorized to perform: sts:AssumeRole"}]}

    def _permissions(
        self, method: str, securable: str, name: str, *, query: dict[str, str], body: dict[str, Any] | None
    ) -> dict[str, Any]:
        catalog.SecurableType(securable)
        kinds = {"CREDENTIAL": "credentials", "EXTERNAL_LOCATION": "external-locations"}
        if (kinds.get(securable, f"{securable.lower()}s"), name) not in self.objects:
            raise RefusedError(404, f"{securable}_DOES_NOT_EXIST", f"'{name}' does not exist.")
        if method == "PATCH":
            round_trip(catalog.UpdatePermissions, body or {})
            for change in (body or {})["changes"]:
                if change["principal"] not in self.principals:
                    raise RefusedError(404, "PRINCIPAL_DOES_NOT_EXIST", f"Could not find principal {change}")
                self.grants.setdefault((securable, name, change["principal"]), set()).update(change["add"])
        assigned = [
            {"principal": principal, "privileges": sorted(privileges)}
            for (kind, full_name, principal), privileges in self.grants.items()
            if (kind, full_name) == (securable, name) and query.get("principal", principal) == principal
        ]
        return {"privilege_assignments": assigned}


@contextmanager
def serving(workspace: UnityWorkspace) -> Iterator[UnityWorkspace]:
    """Serve a workspace on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status = 200
            try:
                answer = workspace.answer(self.command, parts.path, query, body, self.headers)
            except RefusedError as refused:
                status, answer = refused.status, {"error_code": refused.code, "message": str(refused)}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    workspace.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield workspace
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def connection(workspace: UnityWorkspace) -> str:
    """Return the Airflow connection to a workspace, as a variable holds it."""
    parts = urlsplit(workspace.url)
    told = {"conn_type": "databricks", "schema": "http", "host": parts.hostname, "port": parts.port, "password": TOKEN}
    return json.dumps(told)
