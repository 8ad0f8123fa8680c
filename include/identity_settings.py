"""Settings of who may do what on AWS: roles, and connections in Secrets Manager."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class IdentitySettings(BaseSettings):
    """Whether `provision` makes roles and connections, and how."""

    account_id: str = Field(
        "",
        pattern=r"^([0-9]{12})?$",
        description="AWS account that the pipeline belongs in: `provision` refuses to work in another. Empty: the one "
        "of the connection's credentials.",
    )
    managed_roles: bool = Field(
        False,
        description="Whether `provision` makes the IAM roles of `docs/setup/roles.md`; `api_kinesis_role` does not "
        "count then. Not: they are somebody else's to make.",
    )
    permissions_boundary: str = Field(
        "",
        pattern=r"^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]+)?$",
        description="ARN of the policy that bounds every role that `provision` makes, where your account asks for one.",
    )
    unity_catalog_principal: str = Field(
        "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL",
        pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$",
        description="Role by which Databricks takes yours: the same for all accounts of AWS' commercial regions, "
        "another in GovCloud.",
    )
    unity_storage_external_id: str = Field(
        "",
        pattern=r"^[A-Za-z0-9+=,.@:/_-]{0,1224}$",
        description="External id that Databricks gave the storage credential; empty where `provision` makes the "
        "credential too.",
    )
    unity_service_external_id: str = Field(
        "",
        pattern=r"^[A-Za-z0-9+=,.@:/_-]{0,1224}$",
        description="External id that Databricks gave the service credential; empty where `provision` makes the "
        "credential too.",
    )
    managed_connections: bool = Field(
        False,
        description="Whether `provision` keeps the connections in Secrets Manager that it can know itself: to AWS, to "
        "the brokers, and the REST API's key, which it makes. Not: they come from elsewhere.",
    )
    connections_prefix: str = Field(
        "airflow/connections",
        pattern=r"^[A-Za-z0-9_+=.@/-]{1,200}[A-Za-z0-9_+=.@-]$",
        description="What the names of connections begin with in Secrets Manager: `connections_prefix` of Airflow's "
        "secrets backend.",
    )
    secret_recovery_days: int = Field(
        7, ge=7, le=30, description="For so many days a removed connection can be brought back from Secrets Manager."
    )
