"""Settings of the connectors: where they run, and what MSK Connect is told of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

from include.log_settings import LogDays

_IDS = r"({0}-[0-9a-f]+(,{0}-[0-9a-f]+)*)?"


class ConnectSettings(BaseSettings):
    """Where the sink connectors run. All but the first matter to MSK Connect alone."""

    connect_backend: Literal["rest", "msk"] = Field(
        "rest",
        description="Where the sink connectors run: `rest`, a Kafka Connect with its REST API (`connect_conn_id`), or "
        "`msk`, MSK Connect.",
    )
    connect_plugin: str = Field(
        "plugins/kafka-connect-s3.zip",
        pattern=r"^[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*\.zip$",
        description="MSK Connect: key in the bucket of the zip of Confluent's S3 sink connector, which you put there "
        "(Confluent Community License). Another content leads to another custom plugin, and to connectors made anew.",
    )
    connect_version: str = Field(
        "3.7.x",
        pattern=r"^[0-9]+\.[0-9]+\.[0-9x]+$",
        description="MSK Connect: version of Kafka Connect, one that `aws kafkaconnect` offers: `3.7.x`, `2.7.1`.",
    )
    connect_role: str = Field(
        "",
        pattern=r"^(arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+)?$",
        description="MSK Connect: ARN of the connectors' service execution role, where `provision` does not make it.",
    )
    connect_subnets: str = Field(
        "",
        pattern=f"^{_IDS.format('subnet')}$",
        description="MSK Connect: subnets of the connectors' workers, with commas between; from them the brokers and "
        "S3 must be reached. Empty: `vpc_subnet_ids`.",
    )
    connect_security_groups: str = Field(
        "",
        pattern=f"^{_IDS.format('sg')}$",
        description="MSK Connect: security groups of the workers, with commas between; the brokers' must let them in "
        "at port 9098. Empty: `vpc_security_group_ids`.",
    )
    connect_mcus: int = Field(
        1, ge=1, le=8, description="MSK Connect: units of each worker, 1, 2, 4 or 8; each is 1 vCPU with 4 GiB."
    )
    connect_workers: int = Field(1, ge=1, le=10, description="MSK Connect: workers of each connector, at least.")
    connect_max_workers: int = Field(
        1,
        ge=1,
        le=10,
        description="MSK Connect: workers of each connector at most. More than `connect_workers` lets MSK Connect add "
        "and remove workers by their CPU; it then sets `tasks.max` itself.",
    )
    connect_log_days: LogDays = Field(
        30, description="MSK Connect: how long the connectors' logs are kept, in days, as CloudWatch Logs knows them."
    )
    connect_timeout_s: int = Field(
        2_400,
        ge=300,
        le=14_400,
        description="MSK Connect: how long a plugin or a connector may take until it is as declared, in seconds. A "
        "connector made anew takes 5 to 15 minutes, and the deletion of the one before some more.",
    )

    @field_validator("connect_mcus")
    @classmethod
    def _mcus_are_a_power_of_two(cls, value: int) -> int:
        if value not in (1, 2, 4, 8):
            raise ValueError("it should be 1, 2, 4 or 8")
        return value
