"""What is sent to Databricks is what its own SDK would send: each body is held by the class of its request."""

from __future__ import annotations

from typing import Any

import pytest
from databricks.sdk.service import catalog, jobs

from include.job_definitions import JOBS, STREAM_JOB, job_definition
from include.questions import SERVING_VIEWS, view_sources, view_sql
from include.settings import Settings
from include.unity_catalog import UnityNames, is_of

APPLICATION = "11111111-2222-3333-4444-555555555555"
REQUESTS: dict[str, Any] = {
    "credentials": catalog.CreateCredentialRequest,
    "external-locations": catalog.CreateExternalLocation,
    "catalogs": catalog.CreateCatalog,
    "schemas": catalog.CreateSchema,
    "volumes": catalog.CreateVolumeRequestContent,
}


@pytest.fixture
def wanted() -> Settings:
    return Settings(
        databricks_catalog="pins", bucket="pin-bucket", databricks_run_as=APPLICATION, databricks_group="readers"
    )


def all_objects(wanted: Settings) -> list[Any]:
    names = UnityNames(wanted)
    storage, service = (f"arn:aws:iam::123456789012:role/{name}" for name in ("storage", "service"))
    return [*names.credentials(storage, service), *names.locations(), *names.catalog()]


def test_every_body_of_unity_catalog_is_one_that_its_request_holds(wanted: Settings) -> None:
    for declared in all_objects(wanted):
        # The SDK's classes are older than that field of the API.
        body = {key: value for key, value in declared["body"].items() if key != "enable_file_events"}
        assert REQUESTS[declared["kind"]].from_dict(body).as_dict() == body


def test_locations_want_no_file_events_for_which_their_role_may_not_do_what_it_takes(wanted: Settings) -> None:
    assert [one["body"]["enable_file_events"] for one in UnityNames(wanted).locations()] == [False]


def test_everything_says_whose_it_is(wanted: Settings) -> None:
    for declared in all_objects(wanted):
        assert is_of("pinpipe", declared["body"])
        assert not is_of("pin", declared["body"])


def test_names_are_those_of_users_and_of_the_wheels_path(wanted: Settings) -> None:
    assert [declared["name"] for declared in all_objects(wanted)] == [
        "pinpipe-storage",
        "pinpipe-service",
        "pinpipe",
        "pins",
        *(f"pins.{schema}" for schema in ("batch", "speed", "serving", "answers", "artifacts")),
        "pins.artifacts.spark",
    ]
    assert Settings.model_fields["spark_wheel"].default.startswith("/Volumes/pinpipe/artifacts/spark/")


def test_what_unity_catalog_keeps_itself_lies_beside_the_tables(wanted: Settings) -> None:
    root = next(declared["body"]["storage_root"] for declared in all_objects(wanted) if declared["kind"] == "catalogs")
    assert root == "s3://pin-bucket/managed"
    assert not wanted.lake_root.startswith(root)


@pytest.mark.parametrize(
    ("lake", "urls"),
    [
        ("", ["s3://pin-bucket/"]),
        ("s3://pin-bucket/elsewhere", ["s3://pin-bucket/"]),
        ("s3://pin-bucket-2/delta", ["s3://pin-bucket/", "s3://pin-bucket-2/delta/"]),
    ],
)
def test_tables_in_another_bucket_have_a_location_of_their_own(lake: str, urls: list[str]) -> None:
    wanted = Settings(databricks_catalog="pins", bucket="pin-bucket", lake=lake)
    assert [location["body"]["url"] for location in UnityNames(wanted).locations()] == urls


def test_grants_are_requests_and_nobody_gets_everything(wanted: Settings) -> None:
    grants = UnityNames(wanted).grants()
    for grant in grants:
        catalog.SecurableType(grant["securable"])
        body = {"changes": [{"principal": grant["principal"], "add": grant["privileges"]}]}
        assert catalog.UpdatePermissions.from_dict(body).as_dict() == body
        assert not {"ALL_PRIVILEGES", "MANAGE"} & set(grant["privileges"])


def test_readers_read_tables_and_nothing_else(wanted: Settings) -> None:
    privileges = {
        grant["name"]: grant["privileges"] for grant in UnityNames(wanted).grants() if "readers" in str(grant)
    }
    schemas = ("batch", "speed", "serving", "answers")
    assert privileges == {"pins": ["USE_CATALOG"]} | {f"pins.{name}": ["USE_SCHEMA", "SELECT"] for name in schemas}


def test_nobody_gets_anything_where_none_is_named() -> None:
    assert UnityNames(Settings(databricks_catalog="pins")).grants() == []


@pytest.mark.parametrize("view", SERVING_VIEWS)
def test_a_view_in_a_catalog_names_the_tables_of_that_catalog(view: str) -> None:
    query = view_sql(view, "pins")
    for layer, table in view_sources(view):
        named = f"{layer}.{table}"
        assert query.count(f"`pins`.{named} ") == query.count(f"{named} ") > 0
    assert query.replace("`pins`.", "") == view_sql(view)


@pytest.mark.parametrize("name", (*JOBS, STREAM_JOB))
@pytest.mark.parametrize("catalog_name", ["", "pins"])
def test_every_job_is_a_request_that_databricks_takes(name: str, catalog_name: str) -> None:
    wanted = Settings(databricks_catalog=catalog_name, databricks_policy_id="ABC123", databricks_run_as=APPLICATION)
    body = job_definition(name, wanted.marks)
    assert jobs.CreateJob.from_dict(body).as_dict() == body
    reset = {"job_id": 1, "new_settings": body}
    assert jobs.ResetJob.from_dict(reset).as_dict() == reset


@pytest.mark.parametrize("name", (*JOBS, STREAM_JOB))
def test_a_job_has_the_node_the_policy_and_the_identity_of_the_settings(name: str) -> None:
    wanted = Settings(databricks_node_type="i4i.large", databricks_policy_id="ABC123", databricks_run_as=APPLICATION)
    declared = job_definition(name, wanted.marks)
    [cluster] = [cluster["new_cluster"] for cluster in declared["job_clusters"]]
    assert (cluster["node_type_id"], cluster["policy_id"]) == ("i4i.large", "ABC123")
    assert cluster["spark_version"] == "17.3.x-scala2.13"
    # Unity Catalog and service credentials need it: https://docs.databricks.com/aws/en/compute/access-mode-limitations
    assert cluster["data_security_mode"] == "SINGLE_USER"
    assert "instance_profile_arn" not in str(cluster)
    assert declared["run_as"] == {"service_principal_name": APPLICATION}


def test_without_them_neither_policy_nor_identity_is_declared() -> None:
    declared = job_definition("clean_batch", Settings().marks)
    assert "run_as" not in declared
    assert "policy_id" not in str(declared)


def test_a_permission_on_a_job_is_a_request_that_databricks_takes() -> None:
    body = {"access_control_list": [{"group_name": "readers", "permission_level": "CAN_VIEW"}]}
    assert jobs.JobPermissionsRequest.from_dict(body).as_dict() == body
