"""Connectors of MSK Connect, which nothing stands in for here: botocore's Stubber checks every call by its model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from botocore.stub import ANY, Stubber
from pinpipe_airflow.hooks.log_group import LogGroupHook
from pinpipe_airflow.hooks.msk_connector import MskConnectorHook
from pinpipe_airflow.hooks.msk_custom_plugin import MskCustomPluginHook
from pinpipe_airflow.hooks.msk_worker_configuration import MskWorkerConfigurationHook
from pinpipe_airflow.hooks.plugin_archive import PluginArchive, PluginArchiveHook
from pinpipe_airflow.msk_connect_names import plugin_prefix, worker_prefix
from pinpipe_airflow.msk_connector_spec import Capacity, ConnectorSpec
from pinpipe_airflow.operators.msk_connector import MskConnectorOperator
from pinpipe_airflow.operators.msk_connector_removal import MskConnectorRemovalOperator
from pinpipe_airflow.operators.msk_custom_plugin import MskCustomPluginOperator, MskCustomPluginRemovalOperator
from pinpipe_airflow.operators.msk_worker_configuration import (
    MskWorkerConfigurationOperator,
    MskWorkerConfigurationRemovalOperator,
)

from include.connector_definitions import msk_connector, short_hash, worker_properties
from include.settings import settings

ARN = "arn:aws:kafkaconnect:us-east-1:123456789012:connector/pinpipe-s3-sink/abc-1"
PLUGIN_ARN = "arn:aws:kafkaconnect:us-east-1:123456789012:custom-plugin/p/abc-1"
WORKER_ARN = "arn:aws:kafkaconnect:us-east-1:123456789012:worker-configuration/w/abc-1"
ROLE = "arn:aws:iam::123456789012:role/connect"
BROKERS = "b-1.msk:9098,b-2.msk:9098"
WHEN = datetime(2024, 1, 1, tzinfo=UTC)
STARTED = "2024-01-01T00:00:00+00:00"
PLUGIN = plugin_prefix("pinpipe") + "0123456789ab"
WORKER = worker_prefix("pinpipe") + short_hash(worker_properties(settings().marks))
SETTLED = {"status": "done", "state": "RUNNING"}


def spec(**changed: Any) -> ConnectorSpec:
    given = {
        "name": "pinpipe-s3-sink",
        "config": msk_connector("sink", settings().marks).config,
        "capacity": Capacity(1, 1, 1),
        "bootstrap_servers": BROKERS,
        "subnets": ("subnet-1", "subnet-2"),
        "security_groups": ("sg-1",),
        "role_arn": ROLE,
        "version": "3.7.x",
        "plugin": (PLUGIN_ARN, 1),
        "worker": (WORKER_ARN, 1),
        "log_group": "/pinpipe/pinpipe/connect/pinpipe-s3-sink",
    }
    return ConnectorSpec(**{**given, **changed})


def described(state: str = "RUNNING", /, message: str = "", **changed: Any) -> dict[str, Any]:
    """What AWS tells of a connector, made of what it was asked for."""
    asked = spec(**changed).request({})
    asked.pop("tags")
    asked["connectorArn"] = ARN
    asked["connectorState"] = state
    asked["currentVersion"] = "K1"
    asked["creationTime"] = WHEN
    if message:
        asked["stateDescription"] = {"code": "UnknownError.Unknown", "message": message}
    return asked


class Aws:
    """The stubbed clients: what is asked of each must come in this order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        given = {"aws_conn_id": None, "region_name": "us-east-1"}
        self.connectors, self.logs = MskConnectorHook(**given), LogGroupHook(**given)
        self.connect, self.log = Stubber(self.connectors.client), Stubber(self.logs.client)
        # One client for the three hooks, so that the order of all calls counts.
        client = self.connectors.client
        monkeypatch.setattr(MskCustomPluginHook, "client", client)
        monkeypatch.setattr(MskWorkerConfigurationHook, "client", client)
        archive = PluginArchive("pinpipe-local", "plugins/kafka-connect-s3.zip", "v1", "0123456789ab")
        monkeypatch.setattr(PluginArchiveHook, "archive", lambda *_: archive)
        self.connect.activate()
        self.log.activate()

    def answer(self, call: str, answer: dict[str, Any], **asked: Any) -> None:
        self.connect.add_response(call, answer, asked)

    def finds(self, found: dict[str, Any] | None, name: str = "pinpipe-s3-sink") -> None:
        """Answer the look-up of a connector, another with a longer name beside it."""
        other = {"connectorName": f"{name}-2", "connectorArn": f"{ARN}-2"}
        mine = [{"connectorName": name, "connectorArn": ARN}] if found else []
        self.answer("list_connectors", {"connectors": [other, *mine]}, connectorNamePrefix=name)
        if found:
            self.answer("describe_connector", found, connectorArn=ARN)

    def finds_parts(self, plugin: str | None = "ACTIVE", worker: str | None = "ACTIVE") -> None:
        """Answer the look-ups of the plugin and of the worker configuration, in a state or missing."""
        plugins = [{"name": PLUGIN, "customPluginArn": PLUGIN_ARN, "customPluginState": plugin}] if plugin else []
        self.answer("list_custom_plugins", {"customPlugins": plugins}, namePrefix=PLUGIN)
        workers = [
            {
                "name": WORKER,
                "workerConfigurationArn": WORKER_ARN,
                "workerConfigurationState": worker,
                "latestRevision": {"revision": 1},
            }
        ]
        found = {"workerConfigurations": workers if worker else []}
        self.answer("list_worker_configurations", found, namePrefix=WORKER)

    def logged(self, *lines: str) -> None:
        asked = {"logGroupName": spec().log_group, "filterPattern": ANY, "startTime": ANY}
        self.log.add_response("filter_log_events", {"events": [{"message": line} for line in lines]}, asked)

    def done(self) -> None:
        self.connect.assert_no_pending_responses()
        self.log.assert_no_pending_responses()


@pytest.fixture
def aws(monkeypatch):
    stubbed = Aws(monkeypatch)
    yield stubbed
    stubbed.done()


@pytest.fixture
def connector(aws):
    def made(**given: Any) -> MskConnectorOperator:
        operator = MskConnectorOperator(
            task_id="sink_connector",
            definition="sink",
            **{
                "role_arn": ROLE,
                "subnets": "subnet-1,subnet-2",
                "security_groups": ["sg-1"],
                "bootstrap_servers": BROKERS,
                "tags": {"pipeline": "pinpipe"},
                "aws_conn_id": None,
                "region_name": "us-east-1",
                **given,
            },
        )
        operator.__dict__.update(hook=aws.connectors, logs=aws.logs)
        return operator

    return made


def deferred(begin) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as told:
        begin()
    assert told.value.trigger.subject == {"arn": ARN}
    return told.value


def test_it_is_created_with_the_local_keys_and_the_differences_of_aws_and_waited_for(aws, connector):
    aws.finds(None)
    aws.finds_parts()
    wanted = spec().request({"pipeline": "pinpipe"})
    assert wanted["kafkaClusterClientAuthentication"] == {"authenticationType": "IAM"}
    aws.answer("create_connector", {"connectorArn": ARN, "connectorState": "CREATING"}, **wanted)
    waiting = deferred(lambda: connector().execute({}))
    assert waiting.kwargs["done"] == ["created"]

    aws.finds(described())
    aws.finds_parts()
    aws.logged()
    receipt = connector().execute_complete({}, SETTLED, **waiting.kwargs)
    assert receipt == {"changed": True, "connector": "pinpipe-s3-sink", "actions": ["created"]}


@pytest.mark.parametrize("brokers", ["b-2.msk:9098,b-1.msk:9098", "b-3.msk:9098,b-2.msk:9098"])
def test_a_second_time_changes_nothing(aws, connector, brokers):
    aws.finds(described(bootstrap_servers=brokers, subnets=("subnet-2", "subnet-1")))
    aws.finds_parts()
    receipt = connector().execute({})
    assert receipt == {"changed": False, "connector": "pinpipe-s3-sink", "actions": []}


def test_another_configuration_is_updated_in_place(aws, connector):
    aws.finds(described(config={**spec().config, "flush.size": "7"}))
    aws.finds_parts()
    config = dict(spec().config)
    aws.answer("update_connector", {}, connectorArn=ARN, currentVersion="K1", connectorConfiguration=config)
    assert deferred(lambda: connector().execute({})).kwargs["done"] == ["updated flush.size"]


def test_an_update_that_aws_rolled_back_is_told_with_its_reason(aws, connector):
    aws.finds(described(config={**spec().config, "flush.size": "7"}))
    aws.finds_parts()
    operation = {"connectorOperationArn": f"{ARN}/o", "connectorOperationState": "ROLLBACK_COMPLETE"}
    operations = [{**operation, "creationTime": WHEN}]
    aws.answer("list_connector_operations", {"connectorOperations": operations}, connectorArn=ARN)
    said = {**operation, "errorInfo": {"code": "InvalidInput", "message": "no such bucket"}}
    aws.answer("describe_connector_operation", said, connectorOperationArn=f"{ARN}/o")
    with pytest.raises(RuntimeError, match=r"does not show it .ROLLBACK_COMPLETE: InvalidInput no such bucket"):
        connector().execute_complete({}, SETTLED, done=["updated flush.size"], started=STARTED)


def test_capacity_is_changed_by_a_call_of_its_own(aws, connector, monkeypatch):
    monkeypatch.setenv("PINPIPE_CONNECT_MAX_WORKERS", "3")
    settings.cache_clear()
    aws.finds(described())
    aws.finds_parts()
    scaling = {
        "mcuCount": 1,
        "minWorkerCount": 1,
        "maxWorkerCount": 3,
        "scaleInPolicy": {"cpuUtilizationPercentage": 20},
        "scaleOutPolicy": {"cpuUtilizationPercentage": 80},
    }
    aws.answer("update_connector", {}, connectorArn=ARN, currentVersion="K1", capacity={"autoScaling": scaling})
    assert deferred(lambda: connector().execute({})).kwargs["done"] == ["updated to 1 to 3 workers of 1 MCU"]
    settings.cache_clear()


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"plugin": (f"{PLUGIN_ARN}-old", 1)}, "plugin"),
        ({"worker": (f"{WORKER_ARN}-old", 1)}, "worker configuration"),
        ({"role_arn": f"{ROLE}-old"}, "role"),
        ({"version": "2.7.1"}, "version"),
        ({"bootstrap_servers": "old:9098"}, "brokers"),
        ({"subnets": ("subnet-9",)}, "subnets"),
        ({"security_groups": ("sg-9",)}, "security groups"),
        ({"log_group": "/old"}, "log group"),
    ],
)
def test_what_aws_lets_nobody_change_has_it_made_anew(aws, connector, changed, named):
    aws.finds(described(**changed))
    aws.finds_parts()
    aws.answer("delete_connector", {}, connectorArn=ARN)
    waiting = deferred(lambda: connector().execute({}))
    assert waiting.kwargs["done"] == [f"deleted, for its {named}"]

    aws.finds(None)
    aws.finds_parts()
    aws.answer("create_connector", {"connectorArn": ARN}, **spec().request({"pipeline": "pinpipe"}))
    again = deferred(lambda: connector().execute_complete({}, SETTLED, **waiting.kwargs))
    assert again.kwargs["done"] == [f"deleted, for its {named}", "created"]


def test_one_that_had_failed_is_made_anew(aws, connector):
    aws.finds(described("FAILED", "the task could not start"))
    aws.answer("delete_connector", {}, connectorArn=ARN)
    assert deferred(lambda: connector().execute({})).kwargs["done"] == ["deleted, it had FAILED"]


def test_one_that_fails_after_its_creation_is_told_with_its_log(aws, connector):
    aws.finds(described("FAILED", "Failed to find any class that implements Connector"))
    aws.logged("[Worker-1] ERROR no S3SinkConnector here", "[Worker-1] ERROR stopping")
    with pytest.raises(
        RuntimeError, match=r"Failed to find any class.*\n.*pinpipe-s3-sink:\n.*no S3SinkConnector here"
    ):
        connector().execute_complete({}, SETTLED, done=["created"], started=STARTED)


def test_a_task_that_died_is_told_though_the_connector_is_running(aws, connector):
    aws.finds(described())
    aws.finds_parts()
    aws.logged("ERROR Task threw an uncaught and unrecoverable exception. Task is being killed")
    aws.logged("ERROR AccessDenied: s3:PutObject")
    with pytest.raises(
        RuntimeError, match=r"is RUNNING, and 1 times a task of it died(.|\n)*AccessDenied: s3:PutObject"
    ):
        connector().execute_complete({}, SETTLED, done=["created"], started=STARTED)


def test_one_that_takes_too_long_is_told_with_its_log(aws, connector):
    aws.logged()
    late = {"status": "timeout", "state": "CREATING"}
    with pytest.raises(TimeoutError, match=r"\(created\) took more than 2400 s: CREATING.*\n.* has no error since"):
        connector().execute_complete({}, late, done=["created"], started=STARTED)


def test_who_may_not_ask_is_told_what_aws_says(aws, connector):
    refused = {"status": "failed", "state": "An error occurred (AccessDeniedException)"}
    with pytest.raises(RuntimeError, match=r"connector 'pinpipe-s3-sink' \(nothing begun .* failed: .*AccessDenied"):
        connector().execute_complete({}, refused, done=[], started=STARTED)
    with pytest.raises(RuntimeError, match=rf"waiting for custom plugin '{PLUGIN}' failed: .*AccessDenied"):
        plugin_operator().execute_complete({}, refused, done=[], started=STARTED)


def test_all_changes_together_have_the_time_of_one_wait(aws, connector):
    aws.finds(described("UPDATING"))
    waiting = deferred(lambda: connector(wait_timeout=60).execute_complete({}, SETTLED, done=[], started=STARTED))
    assert waiting.trigger.deadline == "2024-01-01T00:01:00+00:00"
    assert waiting.kwargs["started"] == STARTED


def test_what_somebody_else_began_is_waited_for(aws, connector):
    aws.finds(described("UPDATING"))
    assert deferred(lambda: connector().execute({})).kwargs["done"] == []


@pytest.mark.parametrize("missing", ["role_arn", "subnets", "security_groups"])
def test_what_is_not_given_is_named_by_its_setting(aws, connector, missing):
    aws.finds(None)
    with pytest.raises(ValueError, match=f"connect_{missing.removesuffix('_arn')} is empty"):
        connector(**{missing: ""}).execute({})


@pytest.mark.parametrize("state", [None, "CREATING"])
def test_a_plugin_that_is_not_ready_is_named(aws, connector, state):
    aws.finds(None)
    plugins = [{"name": PLUGIN, "customPluginArn": PLUGIN_ARN, "customPluginState": state}] if state else []
    aws.answer("list_custom_plugins", {"customPlugins": plugins}, namePrefix=PLUGIN)
    with pytest.raises(LookupError, match=f"custom plugin '{PLUGIN}', which is {state or 'not there'}"):
        connector().execute({})


def test_a_plan_says_what_would_be_done(aws, connector):
    name = "pinpipe-s3-sink"
    aws.finds(None)
    planned = connector(mode="plan").execute({})
    assert planned == {"changed": False, "planned": [f"create connector {name} with 1 workers of 1 MCU"]}
    aws.finds(described(config={**spec().config, "flush.size": "7"}, capacity=Capacity(2, 1, 1)))
    aws.finds_parts()
    changes = [f"change connector {name}: flush.size", f"change connector {name}: 1 workers of 1 MCU"]
    assert connector(mode="plan").execute({})["planned"] == changes
    aws.finds(described())
    aws.finds_parts(plugin=None)
    anew = [f"change connector {name}: made anew, for its plugin"]
    assert connector(mode="plan").execute({})["planned"] == anew
    aws.finds(described())
    aws.finds_parts()
    assert connector(mode="plan").execute({})["planned"] == []


def test_an_autoscaled_connector_has_the_tasks_that_msk_connect_gives_it():
    capacity = Capacity(1, 1, 4)
    found = described(capacity=capacity, config={**spec().config, "tasks.max": "8"})
    assert not spec(capacity=capacity).differences(found)
    assert spec().differences(described(config={**spec().config, "tasks.max": "8"})).config == ("tasks.max",)


def test_connectors_are_deleted_and_waited_for_and_those_that_are_not_there_passed_over(aws):
    def removal():
        names = ["pinpipe-s3-sink", "pinpipe-dead-letter-sink"]
        operator = MskConnectorRemovalOperator(task_id="r", connectors=names, aws_conn_id=None, region_name="us-east-1")
        operator.__dict__["hook"] = aws.connectors
        return operator

    mine = {"connectors": [{"connectorName": "pinpipe-s3-sink", "connectorArn": ARN}]}
    aws.answer("list_connectors", mine, connectorNamePrefix="pinpipe-s3-sink")
    aws.answer("list_connectors", {"connectors": []}, connectorNamePrefix="pinpipe-dead-letter-sink")
    aws.finds(described())
    aws.answer("delete_connector", {}, connectorArn=ARN)
    waiting = deferred(lambda: removal().execute({}))
    aws.finds(None)
    assert removal().execute_complete({}, SETTLED, **waiting.kwargs) == {"removed": ["pinpipe-s3-sink"]}


def plugin_operator(**given: Any) -> MskCustomPluginOperator:
    place = {"aws_conn_id": None, "region_name": "us-east-1", **given}
    prefix = plugin_prefix("pinpipe")
    return MskCustomPluginOperator(task_id="p", prefix=prefix, bucket="b", key="k.zip", tags={"a": "b"}, **place)


def test_a_plugin_is_made_of_the_zip_and_its_version_and_named_for_its_content(aws):
    aws.answer("list_custom_plugins", {"customPlugins": []}, namePrefix=PLUGIN)
    key = "plugins/kafka-connect-s3.zip"
    aws.answer(
        "create_custom_plugin",
        {"customPluginArn": ARN, "customPluginState": "CREATING", "revision": 1},
        name=PLUGIN,
        contentType="ZIP",
        description=f"s3://pinpipe-local/{key}",
        location={"s3Location": {"bucketArn": "arn:aws:s3:::pinpipe-local", "fileKey": key, "objectVersion": "v1"}},
        tags={"a": "b"},
    )
    waiting = deferred(lambda: plugin_operator().execute({}))
    aws.finds_plugin = {"name": PLUGIN, "customPluginArn": ARN, "customPluginState": "ACTIVE"}
    aws.answer("list_custom_plugins", {"customPlugins": [aws.finds_plugin]}, namePrefix=PLUGIN)
    receipt = plugin_operator().execute_complete({}, SETTLED, **waiting.kwargs)
    assert receipt == {"changed": True, "plugin": PLUGIN, "actions": ["created"]}


def test_a_plugin_that_could_not_be_made_is_told_with_its_reason(aws):
    failed = {"name": PLUGIN, "customPluginArn": ARN, "customPluginState": "CREATE_FAILED"}
    aws.answer("list_custom_plugins", {"customPlugins": [failed]}, namePrefix=PLUGIN)
    why = {"customPluginState": "CREATE_FAILED", "stateDescription": {"message": "The zip has no jar"}}
    aws.answer("describe_custom_plugin", why, customPluginArn=ARN)
    with pytest.raises(RuntimeError, match="CREATE_FAILED: The zip has no jar"):
        plugin_operator().execute_complete({}, SETTLED, ["created"], STARTED)


def test_only_the_pipelines_own_plugins_are_removed(aws):
    names = [PLUGIN, "pinpipe-s3-sink-plugin-of-somebody", plugin_prefix("pinpipe") + "ffffffffffff"]
    found = [
        {"name": name, "customPluginArn": f"{PLUGIN_ARN}-{number}", "customPluginState": "ACTIVE"}
        for number, name in enumerate(names)
    ]
    aws.answer("list_custom_plugins", {"customPlugins": found}, namePrefix=plugin_prefix("pinpipe"))
    for number in (0, 2):
        aws.answer("delete_custom_plugin", {}, customPluginArn=f"{PLUGIN_ARN}-{number}")
    operator = MskCustomPluginRemovalOperator(
        task_id="r", prefix=plugin_prefix("pinpipe"), aws_conn_id=None, region_name="us-east-1"
    )
    assert operator.execute({}) == {"removed": [names[0], names[2]]}


def test_a_worker_configuration_is_made_once_and_removed(aws):
    place = {"prefix": worker_prefix("pinpipe"), "aws_conn_id": None, "region_name": "us-east-1"}
    aws.answer("list_worker_configurations", {"workerConfigurations": []}, namePrefix=WORKER)
    made = {"workerConfigurationArn": WORKER_ARN, "latestRevision": {"revision": 1}}
    aws.answer("create_worker_configuration", made, name=WORKER, propertiesFileContent=ANY, tags={})
    assert MskWorkerConfigurationOperator(task_id="w", **place).execute({})["actions"] == ["created"]

    known = {**made, "name": WORKER, "workerConfigurationState": "ACTIVE"}
    aws.answer("list_worker_configurations", {"workerConfigurations": [known]}, namePrefix=WORKER)
    assert not MskWorkerConfigurationOperator(task_id="w", **place).execute({})["changed"]

    aws.answer("list_worker_configurations", {"workerConfigurations": [known]}, namePrefix=place["prefix"])
    aws.answer("delete_worker_configuration", {}, workerConfigurationArn=WORKER_ARN)
    assert MskWorkerConfigurationRemovalOperator(task_id="w", **place).execute({}) == {"removed": [WORKER]}
