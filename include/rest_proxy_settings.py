"""Settings of Kafka's REST proxy on AWS, and of how the REST API reaches it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from include.msk_settings import CREATE, MskSettings, refuse_without_network

REST_PROXY_PORT = 8082


class RestProxySettings(MskSettings):
    """Which REST proxy stands before the brokers."""

    rest_proxy_instance_type: str = Field(
        "t4g.small",
        pattern=r"^[a-z]+[0-9]+g[a-z]*\.[a-z0-9-]+$",
        description="EC2 instance type of the REST proxy, one with a Graviton processor (arm64).",
    )
    rest_proxy_count: int = Field(
        2, ge=1, le=10, description="How many instances of the REST proxy run, spread over the subnets."
    )
    rest_proxy_version: str = Field(
        "7.9.1",
        pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$",
        description="Version of the Confluent community package that the REST proxy is of.",
    )
    rest_proxy_archive: str = Field(
        "",
        pattern=r"^((https|s3)://[A-Za-z0-9][A-Za-z0-9._~/+=-]*\.tar\.gz)?$",
        description="Where instances get that package: an `https://` or `s3://` address, such as of a copy of your own "
        "for a network without a way out. Empty: Confluent's archive.",
    )
    rest_proxy_archive_sha256: str = Field(
        "",
        pattern=r"^([0-9a-f]{64})?$",
        description="SHA-256 of that package: instances install no other. Empty: what comes by TLS is taken.",
    )
    api_vpc_link: str = Field(
        "",
        pattern=r"^([a-z0-9]{1,64})?$",
        description="Id of a VPC link of yours by which the REST API reaches `kafka_rest_url`, where that is not "
        "public. With `rest_proxy` `create` both are what `provision` has made.",
    )
    # Last: what it asks for is validated before it.
    rest_proxy: Literal["", "create"] = Field(
        "",
        description="`create` has `provision` make the REST proxy on EC2, with a load balancer and a VPC link. Empty: "
        "there is one at `kafka_rest_url`.",
    )

    @field_validator("rest_proxy")
    @classmethod
    def _proxy_has_a_place(cls, value: str, info: ValidationInfo) -> str:
        if value == CREATE:
            refuse_without_network(info, "a REST proxy")
        return value

    @property
    def rest_proxy_package(self) -> str:
        """Where instances get the package."""
        if self.rest_proxy_archive:
            return self.rest_proxy_archive
        series = self.rest_proxy_version.rpartition(".")[0]
        return f"https://packages.confluent.io/archive/{series}/confluent-community-{self.rest_proxy_version}.tar.gz"

    @property
    def api_connection(self) -> str:
        """How the REST API reaches the REST proxy: the mark ``<<api_connection>>``."""
        return api_connection(self.api_vpc_link)


def api_connection(vpc_link: str) -> str:
    """Return an integration's ``connectionType`` and, where it is a VPC link, ``connectionId``, as a YAML mapping.

    One mark for both: without a VPC link the document must have no ``connectionId``, an empty one is none of API
    Gateway's.

    :param vpc_link: id of the link; empty for the internet.
    """
    if not vpc_link:
        return "{connectionType: INTERNET}"
    # In quotes: an id of digits and an e is a number in YAML.
    return f'{{connectionType: VPC_LINK, connectionId: "{vpc_link}"}}'
