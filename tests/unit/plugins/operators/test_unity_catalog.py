"""The operators of Unity Catalog against a workspace that answers as Unity Catalog does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pinpipe_airflow.hooks.unity_catalog import UnityCatalogError
from pinpipe_airflow.operators.unity_catalog_removal import UnityCatalogRemovalOperator
from pinpipe_airflow.operators.unity_grants import UnityGrantsOperator
from pinpipe_airflow.operators.unity_objects import (
    UNKNOWN_EXTERNAL_ID,
    UnityCredentialsOperator,
    UnityObjectsOperator,
)
from pinpipe_airflow.sensors.unity_credential import UnityCredentialsSensor
from pinpipe_airflow.task_groups.databricks import credential_checks

from include.settings import Settings
from include.unity_catalog import UnityNames

APPLICATION = "11111111-2222-3333-4444-555555555555"
STORAGE, SERVICE = (f"arn:aws:iam::123456789012:role/{name}" for name in ("storage", "service"))
WANTED = Settings(
    databricks_catalog="pins", bucket="pin-bucket", databricks_run_as=APPLICATION, databricks_group="readers"
)
NAMES = UnityNames(WANTED)


@pytest.fixture
def pushed():
    return {}


@pytest.fixture
def make(workspace, pushed):
    """Run the tasks in their order up to a named one, and return the receipt of that."""
    context = {"ti": SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))}

    def run(last, mode="apply", storage=STORAGE):
        operators = {
            "credentials": UnityCredentialsOperator(
                task_id="credentials", pipeline_id="pinpipe", objects=NAMES.credentials(storage, SERVICE), mode=mode
            ),
            "locations": UnityObjectsOperator(task_id="locations", objects=NAMES.locations(), mode=mode),
            "catalog": UnityObjectsOperator(task_id="catalog", objects=NAMES.catalog(), mode=mode),
            "grants": UnityGrantsOperator(task_id="grants", grants=NAMES.grants(), mode=mode),
        }
        receipt = {}
        for name, operator in operators.items():
            receipt = operator.execute(context)
            if name == last:
                break
        return receipt

    return run


@pytest.fixture
def ready(workspace):
    """A workspace whose roles trust it, and whose account knows the principals."""
    workspace.trusting |= {STORAGE, SERVICE}
    workspace.principals |= {APPLICATION, "readers"}
    return workspace


def test_everything_is_made_once(make, ready):
    assert make("grants")["changed"]
    assert ready.names("schemas") == [
        f"pins.{name}" for name in ("default", "batch", "speed", "serving", "answers", "artifacts")
    ]
    assert ready.names("volumes") == ["pins.artifacts.spark"]
    assert ready.grants["SCHEMA", "pins.serving", "readers"] == {"USE_SCHEMA", "SELECT"}
    assert ready.grants["CREDENTIAL", "pinpipe-service", APPLICATION] == {"ACCESS"}
    before = len(ready.requests)
    for last in ("credentials", "locations", "catalog", "grants"):
        receipt = make(last)
        assert (receipt["changed"], receipt["actions"]) == (False, [])
    assert len(ready.requests) == before


def test_a_plan_names_everything_and_changes_nothing(make, ready):
    assert make("credentials", "plan")["planned"] == [
        "create credential pinpipe-storage",
        "create credential pinpipe-service",
    ]
    assert make("locations", "plan")["planned"] == ["create external location pinpipe"]
    assert make("catalog", "plan")["planned"][0] == "create catalog pins"
    planned = make("grants", "plan")
    assert f"create grant ACCESS on credential pinpipe-service to {APPLICATION}" in planned["planned"]
    assert planned["changed"] is False
    assert ready.requests == []


def test_a_plan_of_what_is_there_is_empty(make, ready):
    make("grants")
    for last in ("credentials", "locations", "catalog", "grants"):
        assert make(last, "plan") == {"changed": False, "planned": []}


def test_the_external_ids_are_told_for_the_roles_to_trust(make, workspace, pushed):
    make("credentials", "plan")
    unknown = {"storage_external_id": UNKNOWN_EXTERNAL_ID, "service_external_id": UNKNOWN_EXTERNAL_ID}
    assert pushed == {**unknown, "unity_catalog_role": Settings().unity_catalog_principal}
    make("credentials")
    told = dict(pushed)
    assert told["storage_external_id"] != told["service_external_id"] != UNKNOWN_EXTERNAL_ID
    pushed.clear()
    make("credentials")
    assert pushed == told, "a second run must not take the trust away again"
    pushed.clear()
    make("credentials", "plan")
    assert pushed == told


def test_the_external_ids_are_in_no_receipt(make, workspace, pushed):
    receipt = make("credentials")
    assert pushed["storage_external_id"] not in str(receipt)


def test_without_its_roles_trust_a_location_is_refused(make, workspace):
    with pytest.raises(UnityCatalogError, match=r"cannot create external location 'pinpipe': PERMISSION_DENIED: .*sts"):
        make("locations")


def sensor(**given):
    return UnityCredentialsSensor(task_id="trusted", checks=credential_checks(WANTED), **given)


def test_credentials_are_waited_for_until_both_roles_trust(make, workspace):
    make("credentials")
    assert sensor().poke({}) is False
    workspace.trusting.add(STORAGE)
    assert sensor().poke({}) is False
    workspace.trusting.add(SERVICE)
    assert sensor().poke({}) is True


def test_credentials_are_tried_again_beside_the_location_that_exists_by_then(make, ready):
    make("locations")
    assert sensor().poke({}) is True


def test_a_location_of_somebody_else_at_the_same_place_is_told(make, ready):
    make("locations")
    ready.objects["external-locations", "theirs"] = ready.objects.pop(("external-locations", "pinpipe"))
    with pytest.raises(UnityCatalogError, match="another external location or managed storage holds this path"):
        sensor().poke({})


def test_a_plan_waits_for_nothing(workspace):
    assert sensor(provisioning_mode="plan").poke({}) is True
    assert workspace.requests == []


def test_a_credential_of_the_pipeline_gets_another_role(make, workspace):
    make("credentials")
    moved = f"{STORAGE}-2"
    assert make("credentials", "plan", storage=moved)["planned"] == [
        f"change credential pinpipe-storage: role {STORAGE} -> {moved}"
    ]
    receipt = make("credentials", storage=moved)
    assert receipt["actions"] == [f"credential pinpipe-storage: role {STORAGE} -> {moved}"]
    assert workspace.objects["credentials", "pinpipe-storage"]["aws_iam_role"]["role_arn"] == moved


def test_a_credential_of_somebody_else_keeps_its_role(make, workspace):
    make("credentials")
    workspace.objects["credentials", "pinpipe-storage"]["comment"] = "Ours."
    assert make("credentials")["changed"] is False, "as it is, it can be used"
    with pytest.raises(UnityCatalogError, match=r"'pinpipe-storage' is of the role .*the pipeline has not made it"):
        make("credentials", storage=f"{STORAGE}-2")
    assert workspace.objects["credentials", "pinpipe-storage"]["aws_iam_role"]["role_arn"] == STORAGE


def test_a_credential_of_another_purpose_is_refused(make, workspace):
    make("credentials")
    workspace.objects["credentials", "pinpipe-storage"]["purpose"] = "SERVICE"
    with pytest.raises(UnityCatalogError, match="is a SERVICE credential, STORAGE wanted"):
        make("credentials", "plan")


@pytest.mark.parametrize(("field", "value"), [("url", "s3://other/"), ("credential_name", "theirs")])
def test_a_location_elsewhere_is_refused(make, ready, field, value):
    make("locations")
    ready.objects["external-locations", "pinpipe"][field] = value
    for mode in ("plan", "apply"):
        with pytest.raises(UnityCatalogError, match=f"'pinpipe' has {field} .* wanted: .*rename it or remove it"):
            make("locations", mode)


def test_a_location_with_or_without_its_last_slash_is_the_same(make, ready):
    make("locations")
    ready.objects["external-locations", "pinpipe"]["url"] = "s3://pin-bucket"
    assert make("locations")["changed"] is False


def test_a_catalog_that_an_admin_has_made_is_used_as_it_is(make, ready):
    make("locations")
    ready.objects["catalogs", "pins"] = {"name": "pins", "comment": "Made by the admins"}
    receipt = make("catalog")
    assert "created catalog pins" not in receipt["actions"]
    assert "created schema pins.batch" in receipt["actions"]
    assert ready.objects["catalogs", "pins"]["comment"] == "Made by the admins"


def test_a_run_that_broke_off_is_completed_by_the_next(make, ready):
    make("locations")
    ready.denied.add("volumes")
    with pytest.raises(UnityCatalogError, match="CREATE VOLUME on the schema"):
        make("catalog")
    ready.denied.clear()
    assert make("catalog")["actions"] == ["created volume pins.artifacts.spark"]


def test_a_privilege_that_was_taken_away_is_granted_again_and_others_stay(make, ready):
    make("grants")
    held = ready.grants["SCHEMA", "pins.batch", "readers"]
    held.remove("SELECT")
    held.add("READ_VOLUME")
    assert make("grants")["actions"] == ["granted SELECT on schema pins.batch to readers"]
    assert held == {"USE_SCHEMA", "SELECT", "READ_VOLUME"}


def removed(objects=None):
    given = objects or [*NAMES.credentials("", ""), *NAMES.locations(), *NAMES.catalog()]
    return UnityCatalogRemovalOperator(task_id="catalog", pipeline_id="pinpipe", objects=given).execute({})["removed"]


def test_everything_of_the_pipeline_is_removed_the_last_first(make, ready):
    make("grants")
    gone = removed()
    assert gone[0] == "pins.artifacts.spark"
    assert gone[-4:] == ["pins", "pinpipe", "pinpipe-service", "pinpipe-storage"]
    assert ready.objects == {}
    assert removed() == []


def test_a_catalog_with_schemas_of_others_stays(make, ready):
    make("grants")
    ready.objects["schemas", "pins.theirs"] = {"name": "theirs", "catalog_name": "pins"}
    gone = removed()
    assert "pins" not in gone
    assert ready.names("catalogs") == ["pins"]
    assert ready.names("schemas") == ["pins.default", "pins.theirs"]


def test_what_others_have_made_stays(make, ready):
    make("grants")
    for key in (("catalogs", "pins"), ("external-locations", "pinpipe"), ("credentials", "pinpipe-storage")):
        ready.objects[key] |= {"comment": "Ours.", "properties": {}}
    assert not {"pins", "pinpipe", "pinpipe-storage"} & set(removed())
    assert ready.names("external-locations") == ["pinpipe"]
