from __future__ import annotations

import pytest
from pinpipe_airflow.hooks.unity_catalog import UnityCatalogError, UnityCatalogHook, missing

LOCATION = {"name": "l", "url": "s3://b/", "credential_name": "c"}
ROLE = "arn:aws:iam::123456789012:role/r"
CREDENTIAL = {"name": "c", "purpose": "STORAGE", "aws_iam_role": {"role_arn": ROLE}, "skip_validation": True}
CATALOG = {"name": "pins", "storage_root": "s3://b/managed"}


@pytest.fixture
def hook(workspace) -> UnityCatalogHook:
    return UnityCatalogHook(retry_limit=1)


@pytest.fixture
def with_catalog(hook, workspace):
    workspace.trusting.add(ROLE)
    hook.create("credentials", "c", CREDENTIAL)
    hook.create("external-locations", "l", LOCATION)
    hook.create("catalogs", "pins", CATALOG)
    return hook


def test_what_is_not_there_is_not_found(hook):
    assert hook.find("catalogs", "pins") is None


def test_what_was_created_is_found_and_created_once(hook):
    made, created = hook.create("credentials", "c", CREDENTIAL)
    assert created
    assert made["aws_iam_role"]["external_id"]
    assert hook.create("credentials", "c", CREDENTIAL) == (made, False)
    assert hook.find("credentials", "c") == made


def test_what_is_there_but_cannot_be_seen_is_named_with_the_way_out(hook, workspace):
    hook.create("credentials", "c", CREDENTIAL)
    workspace.hidden.add("c")
    with pytest.raises(
        UnityCatalogError, match=r"credential 'c' that the connection's identity may not see: .* BROWSE"
    ):
        hook.create("credentials", "c", CREDENTIAL)


def test_a_missing_privilege_is_named(hook, workspace):
    workspace.denied.add("credentials")
    with pytest.raises(
        UnityCatalogError,
        match=r"cannot create credential 'c': PERMISSION_DENIED: User does not have .*; the connection's identity "
        "needs CREATE STORAGE CREDENTIAL and CREATE SERVICE CREDENTIAL on the metastore",
    ):
        hook.create("credentials", "c", CREDENTIAL)


def test_a_body_that_databricks_does_not_know_is_refused(hook):
    with pytest.raises(UnityCatalogError, match="INVALID_PARAMETER_VALUE: CreateCredentialRequest"):
        hook.create("credentials", "c", {**CREDENTIAL, "role": "x"})


def test_paths_that_overlap_are_told(with_catalog):
    with pytest.raises(UnityCatalogError, match=r"LOCATION_OVERLAP.*'l'; another external location .* choose another"):
        with_catalog.create("external-locations", "m", {**LOCATION, "name": "m", "url": "s3://b/delta/"})


def test_a_credential_is_tried(hook, workspace):
    hook.create("credentials", "c", CREDENTIAL)
    body = {"credential_name": "c", "purpose": "STORAGE", "url": "s3://b/"}
    assert hook.validate(body) == ["not authorized to perform: sts:AssumeRole"]
    workspace.trusting.add(ROLE)
    assert hook.validate(body) == []


def test_a_credential_that_is_not_there_cannot_be_tried(hook):
    with pytest.raises(UnityCatalogError, match="try the credential c: RESOURCE_DOES_NOT_EXIST"):
        hook.validate({"credential_name": "c", "purpose": "SERVICE"})


def test_schemas_are_listed_over_all_pages_without_an_empty_default(with_catalog, workspace):
    assert with_catalog.schemas("pins") == []
    for name in ("a", "b"):
        with_catalog.create("schemas", f"pins.{name}", {"name": name, "catalog_name": "pins"})
    assert with_catalog.schemas("pins") == ["a", "b"]
    workspace.objects["tables", "pins.default.t"] = {"name": "t", "catalog_name": "pins", "schema_name": "default"}
    assert with_catalog.schemas("pins") == ["default", "a", "b"]


def test_privileges_are_added_to_those_that_are_there(with_catalog, workspace):
    workspace.principals |= {"readers", "others"}
    with_catalog.grant("CATALOG", "pins", "readers", ["USE_CATALOG"])
    with_catalog.grant("CATALOG", "pins", "readers", ["BROWSE"])
    with_catalog.grant("CATALOG", "pins", "others", ["USE_SCHEMA"])
    assert with_catalog.privileges("CATALOG", "pins", "readers") == {"USE_CATALOG", "BROWSE"}
    assert with_catalog.privileges("SCHEMA", "pins.no", "readers") == set()


def test_an_unknown_group_is_told_with_its_setting(with_catalog):
    with pytest.raises(UnityCatalogError, match=r"USE_CATALOG on CATALOG pins to 'nobody'.*databricks_group"):
        with_catalog.grant("CATALOG", "pins", "nobody", ["USE_CATALOG"])


def test_all_privileges_count_as_each():
    assert missing(["SELECT", "MODIFY"], {"SELECT"}) == ["MODIFY"]
    assert missing(["SELECT", "MODIFY"], {"ALL_PRIVILEGES"}) == []


def test_a_removal_of_what_is_gone_is_none(with_catalog):
    assert with_catalog.remove("catalogs", "pins") is True
    assert with_catalog.remove("catalogs", "pins") is False
