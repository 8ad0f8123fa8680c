"""Unity Catalog: credentials, external locations, catalogs, schemas, volumes, and who may do what with them.

Source: https://docs.databricks.com/api/workspace/catalogs and its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import quote

from airflow.providers.databricks.hooks.databricks import DatabricksHook
from airflow.sdk.exceptions import AirflowException

from pinpipe_airflow.hooks.databricks_job import refused_with

_API = "2.1/unity-catalog"
_TIMEOUT_S = 60
_EXISTS = re.compile(r"\w*ALREADY_EXISTS")
_ERROR_CODE = re.compile(r'"error_code"\s*:\s*"(\w+)"')
_MESSAGE = re.compile(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)"')

_NEEDED = {  # what the API's own pages say that the creation of each needs
    "credentials": "CREATE STORAGE CREDENTIAL and CREATE SERVICE CREDENTIAL on the metastore",
    "external-locations": "CREATE EXTERNAL LOCATION on the metastore and on the storage credential",
    "catalogs": "CREATE CATALOG on the metastore and CREATE MANAGED STORAGE on the external location",
    "schemas": "USE CATALOG and CREATE SCHEMA on the catalog",
    "volumes": "USE CATALOG, and USE SCHEMA and CREATE VOLUME on the schema",
    "permissions": "MANAGE on it, or to own it",
    "validate-credentials": "CREATE EXTERNAL LOCATION on the credential, or to own it",
}


class UnityCatalogError(RuntimeError):
    """Unity Catalog refuses something, or has it otherwise than declared; it says what, why, and the way out."""


class UnityCatalogHook(DatabricksHook):
    """Talks to Unity Catalog by the REST API of a workspace; takes what the provider's hook takes.

    A kind is what its path is called: ``credentials``, ``external-locations``, ``catalogs``, ``schemas``, ``volumes``;
    a name is the full one, ``catalog.schema``.
    """

    def __init__(
        self,
        databricks_conn_id: str = DatabricksHook.default_conn_name,
        timeout_seconds: int = _TIMEOUT_S,
        **options: Any,
    ) -> None:
        super().__init__(databricks_conn_id, timeout_seconds, **options)

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return what is known of an object; ``None`` where there is none, or none that this identity may see.

        :raises UnityCatalogError: when Unity Catalog refuses to say.
        """
        try:
            return dict(self._call(kind, "GET", f"{kind}/{quote(name, safe='')}"))
        except AirflowException as error:
            if refused_with(error) == 404:
                return None
            raise _refusal(f"look at {_told(kind, name)}", kind, error) from error

    def create(self, kind: str, name: str, body: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Create an object; return it, and whether it was not there before.

        :raises UnityCatalogError: when Unity Catalog refuses, or when it is there and cannot be seen.
        """
        try:
            return dict(self._call(kind, "POST", kind, body)), True
        except AirflowException as error:
            if not _EXISTS.fullmatch(error_code(error)):
                raise _refusal(f"create {_told(kind, name)}", kind, error) from error
            # Somebody was quicker; or this is a repeated request, of which the first answer got lost.
            if found := self.find(kind, name):
                return found, False
            raise UnityCatalogError(
                f"there is a {_told(kind, name)} that the connection's identity may not see: have its owner grant "
                "BROWSE or MANAGE on it to that identity, or choose another name"
            ) from error

    def change(self, kind: str, name: str, body: dict[str, Any]) -> None:
        """Change some fields of an object.

        :raises UnityCatalogError: when Unity Catalog refuses.
        """
        try:
            self._call(kind, "PATCH", f"{kind}/{quote(name, safe='')}", body)
        except AirflowException as error:
            raise _refusal(f"change {_told(kind, name)}", kind, error) from error

    def remove(self, kind: str, name: str) -> bool:
        """Remove an object with what is in it; return whether it was there. Files of external tables stay.

        :raises UnityCatalogError: when Unity Catalog refuses.
        """
        force = "" if kind == "volumes" else "?force=true"  # a volume's removal knows none
        try:
            self._call(kind, "DELETE", f"{kind}/{quote(name, safe='')}{force}")
        except AirflowException as error:
            if refused_with(error) == 404:
                return False
            raise _refusal(f"remove {_told(kind, name)}", kind, error) from error
        return True

    def schemas(self, catalog: str) -> list[str]:
        """Return the names of a catalog's schemas, without those that each catalog has."""
        found = self._pages("schemas", {"catalog_name": catalog})
        names = (schema["name"] for schema in found)
        return [name for name in names if name != "information_schema" and not self._empty_default(catalog, name)]

    def privileges(self, securable: str, name: str, principal: str) -> set[str]:
        """Return the privileges that were granted to a principal on an object itself.

        :param securable: type of the object, ``EXTERNAL_LOCATION``.
        :raises UnityCatalogError: when Unity Catalog refuses to say.
        """
        try:
            found = self._call(
                "permissions", "GET", f"permissions/{securable}/{quote(name, safe='')}", {"principal": principal}
            )
        except AirflowException as error:
            if refused_with(error) == 404:
                return set()
            raise _refusal(f"look at the grants on {securable} {name}", "permissions", error) from error
        return {
            privilege
            for assignment in found.get("privilege_assignments", [])
            if assignment["principal"] == principal
            for privilege in assignment["privileges"]
        }

    def grant(self, securable: str, name: str, principal: str, privileges: Collection[str]) -> None:
        """Grant privileges on an object beside those that are there.

        :raises UnityCatalogError: when Unity Catalog refuses, such as a principal that the account has not.
        """
        body = {"changes": [{"principal": principal, "add": sorted(privileges)}]}
        try:
            self._call("permissions", "PATCH", f"permissions/{securable}/{quote(name, safe='')}", body)
        except AirflowException as error:
            what = f"grant {', '.join(sorted(privileges))} on {securable} {name} to {principal!r}"
            raise _refusal(what, "permissions", error) from error

    def validate(self, body: dict[str, Any]) -> list[str]:
        """Try a credential; return what failed, nothing where it works.

        :param body: what ``validate-credentials`` takes.
        :raises UnityCatalogError: when Unity Catalog refuses to try.
        """
        try:
            found = self._call("validate-credentials", "POST", "validate-credentials", body)
        except AirflowException as error:
            raise _refusal(f"try the credential {body['credential_name']}", "validate-credentials", error) from error
        return [
            result.get("message") or "no reason is given"
            for result in found.get("results", [])
            if result.get("result") == "FAIL"
        ]

    def _empty_default(self, catalog: str, schema: str) -> bool:
        """Return whether it is the schema that each new catalog has, with nothing in it."""
        if schema != "default":
            return False
        where = {"catalog_name": catalog, "schema_name": schema}
        return not self._pages("tables", where) and not self._pages("volumes", where)

    def _pages(self, kind: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self._call(kind, "GET", kind, arguments)
            found += page.get(kind, [])
            if not page.get("next_page_token"):
                return found
            arguments = {**arguments, "page_token": page["next_page_token"]}

    def _call(self, kind: str, method: str, path: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self._do_api_call((method, f"{_API}/{path}"), arguments)
        return answer


def error_code(error: AirflowException) -> str:
    """Return Databricks' own name of an error, empty where it tells none."""
    found = _ERROR_CODE.search(str(error))
    return found[1] if found else ""


def missing(wanted: Sequence[str], present: Collection[str]) -> list[str]:
    """Return the privileges that are not there; ``ALL_PRIVILEGES`` counts as all."""
    return [] if "ALL_PRIVILEGES" in present else [privilege for privilege in wanted if privilege not in present]


def _told(kind: str, name: str) -> str:
    return f"{kind.removesuffix('s').replace('-', ' ')} {name!r}"


def _refusal(what: str, kind: str, error: AirflowException) -> UnityCatalogError:
    code, status, said = error_code(error), refused_with(error), _MESSAGE.search(str(error))
    way_out = "docs/setup/databricks.md lists what goes wrong and why"
    if status == 403 or code == "PERMISSION_DENIED":
        way_out = f"the connection's identity needs {_NEEDED[kind]}; have a metastore admin grant it"
    elif code == "PRINCIPAL_DOES_NOT_EXIST":
        way_out = "the account has no such group or service principal in this workspace: see databricks_group and "
        way_out += "databricks_run_as"
    elif "OVERLAP" in code or (said and "overlap" in said[1].lower()):
        way_out = "another external location or managed storage holds this path: remove it, or choose another bucket"
    return UnityCatalogError(f"cannot {what}: {code or status}: {said[1] if said else error}; {way_out}")
