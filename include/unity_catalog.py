"""What the pipeline has in Unity Catalog: credentials, external locations, a catalog with schemas and a volume, grants.

Each is declared as the body that its REST API takes for its creation
(https://docs.databricks.com/api/workspace/catalogs/create and so on).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from include import layout

if TYPE_CHECKING:
    from include.settings import Settings

type Kind = Literal["credentials", "external-locations", "catalogs", "schemas", "volumes"]

TABLE_SCHEMAS = (*layout.LAYERS, layout.SERVING, layout.ANSWERS)
VOLUME = "spark"
PIPELINE = "pipeline"  # the property by which a catalog or a schema says whose it is

_COMMENTS = {
    "batch": "Cleaned days: what was read from Kafka by way of S3.",
    "speed": "Cleaned records of the Kinesis streams.",
    "serving": "One row per key: the batch layer, and the speed layer where batch has not read yet.",
    "answers": "The answers to the questions, one table each.",
    "artifacts": "What jobs are made of.",
}


class UnityObject(TypedDict):
    """Something in Unity Catalog.

    :param kind: as its REST API is called, ``catalogs``.
    :param name: its full name, ``catalog.schema.volume``.
    :param body: what its creation takes.
    """

    kind: Kind
    name: str
    body: dict[str, Any]


class Grant(TypedDict):
    """Privileges of a group or a service principal on something.

    :param securable: its type, ``EXTERNAL_LOCATION``.
    :param name: its full name.
    :param principal: name of the group, application id of the service principal.
    :param privileges: as the REST API names them, ``USE_CATALOG``.
    """

    securable: str
    name: str
    principal: str
    privileges: list[str]


@dataclass(frozen=True)
class UnityNames:
    """Everything of a pipeline in Unity Catalog, by its settings."""

    wanted: Settings

    def credentials(self, storage_role_arn: Any, service_role_arn: Any) -> list[UnityObject]:
        """Return the storage credential and the service credential.

        They are made before their roles trust Databricks, as the roles must name external ids that are known only then:
        nothing is validated yet (https://docs.databricks.com/aws/en/connect/unity-catalog/cloud-storage/s3/).

        :param storage_role_arn: ARN of the role by which Unity Catalog reaches the bucket, or what becomes one.
        :param service_role_arn: ARN of the role by which jobs call S3 and Kinesis, likewise.
        """
        return [
            self._credential("STORAGE", self.wanted.storage_credential, storage_role_arn, "Reaches the bucket."),
            self._credential(
                "SERVICE", self.wanted.job_credential, service_role_arn, "Jobs call S3 and Kinesis by it."
            ),
        ]

    def locations(self) -> list[UnityObject]:
        """Return the external locations: the bucket, and where the tables lie if that is elsewhere."""
        roots = {self.wanted.pipeline_id: f"s3://{self.wanted.bucket}/"}
        lake = f"{self.wanted.lake_root.rstrip('/')}/"
        if not lake.startswith(f"s3://{self.wanted.bucket}/"):
            roots[f"{self.wanted.pipeline_id}-lake"] = lake
        return [
            {
                "kind": "external-locations",
                "name": name,
                "body": {
                    "name": name,
                    "url": url,
                    "credential_name": self.wanted.storage_credential,
                    "comment": self._comment("Raw objects, tables and checkpoints."),
                    # On by default, for which the role would need SNS and SQS; nothing here asks what has changed.
                    "enable_file_events": False,
                },
            }
            for name, url in roots.items()
        ]

    def catalog(self) -> list[UnityObject]:
        """Return the catalog, its schemas, and the volume that holds the jobs' wheel, in the order they are made."""
        catalog, properties = self.wanted.databricks_catalog, {PIPELINE: self.wanted.pipeline_id}
        made: list[UnityObject] = [
            {
                "kind": "catalogs",
                "name": catalog,
                "body": {
                    "name": catalog,
                    "comment": self._comment("Tables, serving views and artifacts."),
                    "properties": properties,
                    "storage_root": f"s3://{self.wanted.bucket}/{layout.MANAGED_ROOT}",
                },
            }
        ]
        for schema in (*TABLE_SCHEMAS, layout.ARTIFACTS):
            body = {"name": schema, "catalog_name": catalog, "comment": _COMMENTS[schema], "properties": properties}
            made.append({"kind": "schemas", "name": f"{catalog}.{schema}", "body": body})
        volume = {
            "name": VOLUME,
            "catalog_name": catalog,
            "schema_name": layout.ARTIFACTS,
            "volume_type": "MANAGED",
            "comment": self._comment("The jobs' wheels, each in a folder named by its content."),
        }
        return [*made, {"kind": "volumes", "name": f"{catalog}.{layout.ARTIFACTS}.{VOLUME}", "body": volume}]

    def grants(self) -> list[Grant]:
        """Return what is granted: to whom the jobs run as what they need, to who reads the tables' contents.

        Nobody else gets anything, and who has made all this owns it
        (https://docs.databricks.com/aws/en/data-governance/unity-catalog/manage-privileges/privileges).
        """
        granted: list[Grant] = []
        catalog = self.wanted.databricks_catalog
        jobs, readers = self.wanted.databricks_run_as, self.wanted.databricks_group
        if jobs:
            files = ["READ_FILES", "WRITE_FILES", "CREATE_EXTERNAL_TABLE"]
            volume = f"{catalog}.{layout.ARTIFACTS}.{VOLUME}"
            granted += [
                _grant("CREDENTIAL", self.wanted.job_credential, jobs, "ACCESS"),
                *(_grant("EXTERNAL_LOCATION", location["name"], jobs, *files) for location in self.locations()),
                _grant("CATALOG", catalog, jobs, "USE_CATALOG"),
                *(
                    _grant("SCHEMA", f"{catalog}.{schema}", jobs, "USE_SCHEMA", "CREATE_TABLE", "SELECT", "MODIFY")
                    for schema in (*layout.LAYERS, layout.ANSWERS)
                ),
                # A view is created by the privilege to create tables.
                _grant("SCHEMA", f"{catalog}.{layout.SERVING}", jobs, "USE_SCHEMA", "CREATE_TABLE", "SELECT"),
                _grant("SCHEMA", f"{catalog}.{layout.ARTIFACTS}", jobs, "USE_SCHEMA"),
                _grant("VOLUME", volume, jobs, "READ_VOLUME"),
            ]
        if readers:
            granted += [
                _grant("CATALOG", catalog, readers, "USE_CATALOG"),
                *(_grant("SCHEMA", f"{catalog}.{schema}", readers, "USE_SCHEMA", "SELECT") for schema in TABLE_SCHEMAS),
            ]
        return granted

    def _credential(self, purpose: str, name: str, role_arn: Any, comment: str) -> UnityObject:
        body = {
            "name": name,
            "purpose": purpose,
            "aws_iam_role": {"role_arn": role_arn},
            "comment": self._comment(comment),
            "skip_validation": True,
        }
        return {"kind": "credentials", "name": name, "body": body}

    def _comment(self, text: str) -> str:
        return f"{made_by(self.wanted.pipeline_id)} {text}"


def made_by(pipeline_id: str) -> str:
    """Return how the comment of an object begins that has no properties, so that it says whose it is."""
    return f"Of the pipeline {pipeline_id}:"


def is_of(pipeline_id: str, found: dict[str, Any]) -> bool:
    """Return whether a pipeline has made what Unity Catalog tells of an object."""
    told = found.get("properties") or {}
    return told.get(PIPELINE) == pipeline_id or str(found.get("comment") or "").startswith(made_by(pipeline_id))


def _grant(securable: str, name: str, principal: str, *privileges: str) -> Grant:
    return {"securable": securable, "name": name, "principal": principal, "privileges": list(privileges)}
