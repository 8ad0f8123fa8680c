"""What must hold between settings on AWS: values that are right on a laptop and wrong on anybody's account.

Every environment but ``local`` is one on AWS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

LOCAL = "local"
FAULT = "aws"
"""Type of the faults that these rules find, as pydantic tells it."""

_LAPTOPS_BUCKET = "pinpipe-local"
_NOBODYS_ACCOUNT = "0" * 12
_LOOPBACK = re.compile(r"^(localhost|.*\.localhost|127(\.[0-9]+){3}|0\.0\.0\.0|::1?)$", re.IGNORECASE)
_EXECUTE_API = re.compile(r"\.execute-api\.([^.]+)\.amazonaws\.")
_ROLE_ACCOUNT = re.compile(r"^arn:[^:]+:iam::([0-9]{12}):")
_WHEEL_PLACES = ("/Volumes/", "/Workspace/", "s3://")

# What counts instead of a field, where it has this value.
_MADE_INSTEAD = {"kafka_rest_url": ("rest_proxy", "create"), "api_kinesis_role": ("managed_roles", "true")}


# Roles of somebody else's account on purpose: Databricks' own.
_OF_OTHERS = ("unity_catalog_principal",)


@dataclass(frozen=True)
class Given:
    """Settings as they are given, not all of them need be right by themselves.

    :param values: by field; those that are wrong by themselves are not among them.
    :param names: fields that a variable or a file sets.
    """

    values: Mapping[str, Any]
    names: Collection[str]

    def counts(self, field: str) -> bool:
        """Return whether a field is used: not so where ``provision`` makes what it would name."""
        setting, value = _MADE_INSTEAD.get(field, ("", ""))
        return str(self.values.get(setting, "")).lower() != value or not setting


type Rule = Callable[[Given], Iterator[tuple[str, str]]]
"""Gives the field and the reason of each fault."""


def aws_faults(given: Given) -> list[tuple[str, str]]:
    """Return the fields that cannot be as they are on AWS, each with the reason; nothing for a laptop.

    :param given: the settings, ``env`` among them.
    """
    if given.values.get("env", LOCAL) == LOCAL:
        return []
    return [fault for rule in RULES for fault in rule(given)]


def all_faults(
    values: Mapping[str, Any], defaults: Mapping[str, Any], refusal: ValidationError | None
) -> list[InitErrorDetails]:
    """Return the faults of single fields, then those between fields.

    :param values: what is set, by field.
    :param defaults: of all fields.
    :param refusal: what is wrong with single fields.
    """
    alone = refusal.errors() if refusal else []
    wrong = {fault["loc"][0] for fault in alone}
    known = {name: value for name, value in {**defaults, **values}.items() if name not in wrong}
    between = aws_faults(Given(known, set(values) - wrong))
    return [
        *(
            InitErrorDetails(type=fault["type"], loc=fault["loc"], input=fault["input"], ctx=fault.get("ctx", {}))
            for fault in alone
        ),
        *(
            InitErrorDetails(
                type=PydanticCustomError(FAULT, "{reason}", {"reason": reason}), loc=(field,), input=known[field]
            )
            for field, reason in between
        ),
    ]


def _no_field_is_the_laptops(given: Given) -> Iterator[tuple[str, str]]:
    if given.values.get("bucket") == _LAPTOPS_BUCKET:
        yield "bucket", "it is the laptop's bucket; names of buckets are global, so choose one of your own"
    if "region" in given.values and "region" not in given.names:
        yield "region", "it has to be given on AWS: it decides where everything is made, and what that costs"
    role = str(given.values.get("api_kinesis_role", ""))
    if given.counts("api_kinesis_role") and f":{_NOBODYS_ACCOUNT}:" in role:
        yield "api_kinesis_role", "it is the laptop's role, of no account; give the ARN of one in yours"


def _addresses_are_not_on_loopback(given: Given) -> Iterator[tuple[str, str]]:
    for field, value in given.values.items():
        address = isinstance(value, str) and re.match(r"https?://", value) and given.counts(field)
        if address and _LOOPBACK.match(_host(value)):
            yield field, "it is an address of the machine itself, where nothing listens on AWS"


def _the_api_is_called_by_https(given: Given) -> Iterator[tuple[str, str]]:
    address = str(given.values.get("api_url_format", ""))
    if address and not address.startswith("https://"):
        yield "api_url_format", "it has to begin with https:// on AWS: API Gateway answers to nothing else"


def _the_apis_region_is_the_region(given: Given) -> Iterator[tuple[str, str]]:
    named = _EXECUTE_API.search(str(given.values.get("api_url_format", "")))
    region = given.values.get("region")
    if named and region and named.group(1) not in ("{region}", region):
        yield (
            "api_url_format",
            f"it names region {named.group(1)}, and the setting region is {region}; write {{region}}",
        )


def _roles_are_of_the_account(given: Given) -> Iterator[tuple[str, str]]:
    account = given.values.get("account_id")
    for field, value in given.values.items():
        named = _ROLE_ACCOUNT.match(value) if isinstance(value, str) and field not in _OF_OTHERS else None
        if account and named and named.group(1) not in (account, _NOBODYS_ACCOUNT):
            yield field, f"it is of account {named.group(1)}, and the setting account_id is {account}"


def _the_wheel_is_where_databricks_reads(given: Given) -> Iterator[tuple[str, str]]:
    wheel = str(given.values.get("spark_wheel", ""))
    if wheel and not wheel.startswith(_WHEEL_PLACES):
        yield "spark_wheel", f"Databricks reads it from {', '.join(_WHEEL_PLACES)} and not from elsewhere"


def _the_bucket_is_versioned(given: Given) -> Iterator[tuple[str, str]]:
    if given.values.get("old_version_days", 1) is None:
        yield "old_version_days", "it has to be a number of days on AWS, where the bucket is always versioned"


def _host(address: str) -> str:
    # A format's {…} may stand where a host or a port does.
    return urlsplit(re.sub(r"\{[^}]*\}", "x", address)).hostname or ""


RULES: tuple[Rule, ...] = (
    _no_field_is_the_laptops,
    _addresses_are_not_on_loopback,
    _the_api_is_called_by_https,
    _the_apis_region_is_the_region,
    _roles_are_of_the_account,
    _the_wheel_is_where_databricks_reads,
    _the_bucket_is_versioned,
)
