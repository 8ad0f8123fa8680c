"""Settings of the Kafka cluster on AWS, and of the network that it is in."""

from __future__ import annotations

import re

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

CREATE = "create"

_NO_LIST = re.compile(r"[, ]+")
_LEAST_SUBNETS = 2
_IDS_NEEDED = ("vpc_id", "vpc_subnet_ids", "vpc_security_group_ids")


class MskSettings(BaseSettings):
    """Which Kafka cluster, and where what the pipeline makes in a VPC belongs."""

    vpc_id: str = Field(
        "",
        pattern=r"^(vpc-([0-9a-f]{8}|[0-9a-f]{17}))?$",
        description="VPC of the Kafka cluster and of the REST proxy, such as `vpc-0123456789abcdef0`.",
    )
    vpc_subnet_ids: str = Field(
        "",
        pattern=r"^(subnet-([0-9a-f]{8}|[0-9a-f]{17})(,subnet-([0-9a-f]{8}|[0-9a-f]{17}))*)?$",
        description="Private subnets of that VPC for what is made there, with commas between and without spaces: two "
        "or more, each in an availability zone of its own.",
    )
    vpc_security_group_ids: str = Field(
        "",
        pattern=r"^(sg-([0-9a-f]{8}|[0-9a-f]{17})(,sg-([0-9a-f]{8}|[0-9a-f]{17})){0,4})?$",
        description="Security groups for what is made there, one to five with commas between: their members must be "
        "allowed to reach each other on the ports 9098 (Kafka) and 8082 (REST proxy).",
    )
    # Last: what it asks for is validated before it.
    msk_cluster: str = Field(
        "",
        pattern=r"^(create|arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[A-Za-z0-9-]{1,64}/[A-Za-z0-9-]+)?$",
        description="Kafka cluster on AWS: `create` has `provision` make an MSK Serverless cluster; the ARN of an MSK "
        "cluster has it checked only. Empty: whatever the Kafka connection names, such as a laptop's broker.",
    )

    @field_validator("msk_cluster")
    @classmethod
    def _cluster_has_a_place(cls, value: str, info: ValidationInfo) -> str:
        if value == CREATE:
            refuse_without_network(info, "a cluster")
        return value

    @property
    def vpc_subnets(self) -> list[str]:
        """The private subnets."""
        return listed(self.vpc_subnet_ids)

    @property
    def vpc_security_groups(self) -> list[str]:
        """The security groups."""
        return listed(self.vpc_security_group_ids)


def listed(ids: str) -> list[str]:
    """Return the ids of a list with commas."""
    return [each for each in _NO_LIST.split(ids) if each]


def refuse_without_network(info: ValidationInfo, what: str) -> None:
    """See that the settings say where something in a VPC belongs.

    :param info: what is validated before.
    :param what: is to be made.
    :raises ValueError: names the settings that are missing.
    """
    missing = [name for name in _IDS_NEEDED if not info.data.get(name)]
    if missing:
        raise ValueError(f"{what} cannot be made without {', '.join(missing)}: set them too")
    if len(set(listed(info.data["vpc_subnet_ids"]))) < _LEAST_SUBNETS:
        raise ValueError(f"{what} needs two subnets or more: vpc_subnet_ids={info.data['vpc_subnet_ids']!r}")
