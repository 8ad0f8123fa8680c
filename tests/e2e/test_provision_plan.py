"""What `provision` would do is said before it is done, and then that is done and nothing else."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from pinpipe_cli.plan import DAG_ID
from tests.e2e.conftest import World

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("provisioned")]

RECEIPT = "receipts/provision/latest.json"
TOPIC = ConfigResource(ResourceType.TOPIC, "pinpipe.pin")
RETENTION = "retention.ms"


def retention(world: World) -> str:
    """Return the topic's retention in milliseconds, asked of the broker."""
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    (described,) = admin.describe_configs([TOPIC]).values()
    return str(described.result(timeout=20)[RETENTION].value)


def set_retention(world: World, milliseconds: str) -> None:
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    changed = ConfigResource(
        ResourceType.TOPIC,
        TOPIC.name,
        incremental_configs=[ConfigEntry(RETENTION, milliseconds, incremental_operation=AlterConfigOpType.SET)],
    )
    (done,) = admin.incremental_alter_configs([changed]).values()
    done.result(timeout=20)


def planned(world: World) -> dict[str, str]:
    """Return what `pinpipe plan` says of each resource that would not stay as it is."""
    *rows, _, counts = world.pinpipe("plan").stdout.split("\n\n", 1)[1].strip().splitlines()
    assert counts.endswith("Nothing was changed; a run with mode 'apply' does it."), counts
    return {row.split()[0]: row for row in rows if "would" in row}


def changed_by_provision(world: World) -> list[str]:
    tasks = world.run(DAG_ID, {})
    return list(world.api.xcom(DAG_ID, tasks["receipt"]["run_id"], "receipt"))


def test_a_second_run_changes_nothing_which_its_plan_says_before(world: World) -> None:
    receipt = world.receipt(RECEIPT)
    assert planned(world) == {}
    assert world.receipt(RECEIPT) == receipt, "a plan is no provisioning"
    assert changed_by_provision(world) == []


@pytest.mark.long
def test_what_differs_is_planned_changed_and_nothing_else_is(world: World) -> None:
    declared = retention(world)
    set_retention(world, "86400000")
    assert list(planned(world)) == ["topics"]
    assert retention(world) == "86400000", "a plan changes nothing"
    assert changed_by_provision(world) == ["topics"]
    assert retention(world) == declared
    assert planned(world) == {}
