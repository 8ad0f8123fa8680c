"""Settings of Databricks: the catalog of Unity Catalog, who may do what, and what jobs run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field
from pydantic_settings import BaseSettings

_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


class DatabricksSettings(BaseSettings):
    """What is made in a Databricks workspace beside the jobs, and for whom."""

    if TYPE_CHECKING:  # of the class that has this one among its bases
        pipeline_id: str
        service_credential: str

    databricks_catalog: str = Field(
        "",
        pattern=r"^([a-z_][a-z0-9_]{0,254})?$",
        description="Catalog of Unity Catalog in which tables and serving views are registered, such as `pinpipe`: "
        "`provision` makes it, its schemas, credentials and external locations, see docs/setup/databricks.md. Empty: "
        "tables are known by their paths alone, and on Databricks the questions are not answered.",
    )
    databricks_node_type: str = Field(
        "m6gd.large",
        pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$",
        description="EC2 instance type of the jobs' single nodes, such as `m6gd.large`; the workspace's region must "
        "have it.",
    )
    databricks_policy_id: str = Field(
        "",
        pattern=r"^[A-Za-z0-9]*$",
        description="Id of the compute policy that the jobs' clusters keep to; empty: none, which needs the "
        "entitlement to create clusters without one.",
    )
    databricks_run_as: str = Field(
        "",
        pattern=rf"^({_UUID})?$",
        description="Application id of the service principal that the jobs run as; it gets the grants that they need, "
        "and no others. The connection's own identity must have the role `Service Principal: User` on it. Empty: jobs "
        "run as the connection's identity.",
    )
    databricks_group: str = Field(
        "",
        pattern=r"^([^\s`\"'/\\][^`\"'/\\]{0,254})?$",
        description="Account group of those who read: `SELECT` on the catalog's tables and views, `CAN_VIEW` on the "
        "jobs. Empty: nobody gets either by `provision`.",
    )

    @property
    def storage_credential(self) -> str:
        """Name of the storage credential by which Unity Catalog reaches the bucket."""
        return f"{self.pipeline_id}-storage"

    @property
    def job_credential(self) -> str:
        """Name of the service credential by which jobs call S3 and Kinesis; empty for AWS' default chain."""
        return self.service_credential or (f"{self.pipeline_id}-service" if self.databricks_catalog else "")
