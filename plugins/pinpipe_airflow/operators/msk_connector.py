"""Operators for connectors of MSK Connect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from include.connector_definitions import ConnectorDefinition, msk_connector, short_hash, worker_properties
from include.settings import settings
from pinpipe_airflow.msk_connect_names import given, log_group, plugin_prefix, worker_prefix
from pinpipe_airflow.msk_connect_state import is_passing
from pinpipe_airflow.msk_connector_spec import Capacity, ConnectorSpec
from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator
from pinpipe_airflow.operators.provisioning import ProvisioningOperator
from pinpipe_airflow.progress import TIMEOUT

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.log_group import LogGroupHook
    from pinpipe_airflow.hooks.msk_connector import MskConnectorHook

# What Kafka Connect's worker writes when a task dies: the connector stays RUNNING without it.
_DEAD_TASK = '"Task is being killed"'
_ERRORS = "?ERROR ?FATAL ?Exception"


class MskConnectorOperator(AwsWaitingOperator, ProvisioningOperator):
    """Makes a connector of MSK Connect as declared, and waits in the triggerer until it is RUNNING.

    Compares, begins one change, waits until that is done, and compares again, until nothing differs: configuration and
    capacity are changed in place; where anything else differs, or the connector has FAILED, it is deleted and made
    anew. How far it has read stays with its consumer group ``connect-<name>``, so it goes on from there. The group has
    that name as in any Kafka Connect (https://docs.aws.amazon.com/msk/latest/developerguide/msk-connect-service-execution-role.html
    has the role's policy allow the groups ``connect-*``), which is what the sensors of the sink look at.

    The custom plugin and the worker configuration are those that their operators make of the same content.

    :param definition: name of the file in ``include/connectors`` without its suffix; what differs on MSK Connect is in
        ``msk_connect.yaml`` there. Both are filled from the settings when the task runs.
    :param role_arn: service execution role. (templated)
    :param subnets: subnets of the workers, a list or a text with commas between. (templated)
    :param security_groups: their security groups, likewise. (templated)
    :param bootstrap_servers: brokers with the port of the listener for IAM; empty: those of ``kafka_conn_id``.
        (templated)
    :param kafka_conn_id: the Airflow connection to the brokers. (templated)
    :param tags: tags that it gets when it is made. (templated)
    :param wait_timeout: seconds to wait, all changes together.
    :return: a receipt ``{"changed": bool, "connector": name, "actions": [what was done, …]}``.
    :raises ValueError: when the role, subnets or security groups are not given.
    :raises LookupError: when the plugin or the worker configuration is not there.
    :raises RuntimeError: when it FAILED, a task of it died, or it did not take a change, with what its log says.
    :raises TimeoutError: when it is not as declared in time, with the same.
    """

    template_fields: Sequence[str] = (
        "definition",
        "role_arn",
        "subnets",
        "security_groups",
        "bootstrap_servers",
        "kafka_conn_id",
        "tags",
        "aws_conn_id",
        "region_name",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json"}

    def __init__(
        self,
        *,
        definition: str,
        role_arn: str,
        subnets: str | Sequence[str],
        security_groups: str | Sequence[str],
        bootstrap_servers: str = "",
        kafka_conn_id: str = "kafka_default",
        tags: Mapping[str, str] | None = None,
        wait_timeout: float = 2_400,
        **kwargs: Any,
    ) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.definition = definition
        self.role_arn = role_arn
        self.subnets = subnets
        self.security_groups = security_groups
        self.bootstrap_servers = bootstrap_servers
        self.kafka_conn_id = kafka_conn_id
        self.tags = tags

    @cached_property
    def hook(self) -> MskConnectorHook:
        """The hook that talks to MSK Connect."""
        from pinpipe_airflow.hooks.msk_connector import MskConnectorHook

        return MskConnectorHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    @cached_property
    def logs(self) -> LogGroupHook:
        """The hook that reads the workers' logs."""
        from pinpipe_airflow.hooks.log_group import LogGroupHook

        return LogGroupHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def plan(self) -> list[str]:
        """Return whether it would be created, changed, or made anew.

        A plugin or a worker configuration that is not there yet is not looked at: its own task says so.
        """
        name = self._connector.name
        found = self._described()
        if found is None:
            return [f"create connector {name} with {self._capacity}"]
        if found["connectorState"] == "FAILED":
            return [f"change connector {name}: made anew, it has FAILED"]
        differences = self._spec(plan=True).differences(found)
        if differences.fixed:
            return [f"change connector {name}: made anew, for its {', '.join(differences.fixed)}"]
        planned = [f"change connector {name}: {', '.join(differences.config)}"] if differences.config else []
        return planned + ([f"change connector {name}: {self._capacity}"] if differences.capacity else [])

    def apply(self, context: Context) -> dict[str, Any]:
        """Compare, and begin what is to be done."""
        started = datetime.now(UTC)
        return self._go_on([], started.isoformat())

    def execute_complete(
        self, context: Context, event: dict[str, Any], done: list[str], started: str
    ) -> dict[str, Any]:
        """Go on where the trigger has waited."""
        way_out = "See its log, then run this task again, which goes on waiting, or set connect_timeout_s"
        self.refuse_unless_done(
            event,
            f"waiting for connector {self._connector.name!r} ({', '.join(done) or 'nothing begun by this task'})",
            f"{way_out}\n{self._log(started)}" if event["status"] == TIMEOUT else way_out,
        )
        return self._go_on(done, started)

    def _go_on(self, done: list[str], started: str) -> dict[str, Any]:
        """Begin the next change and wait for it in the triggerer, or return the receipt."""
        name, found = self._connector.name, self._described()
        if found is None:
            self._once("created", done)
            arn = self.hook.create(self._spec(), self.tags or {})
            self._wait(arn, [*done, "created"], started)
        arn, state = found["connectorArn"], found["connectorState"]
        if is_passing(state):
            self._wait(arn, done, started)
        elif state == "FAILED":
            self._make_anew(arn, "it had FAILED", done, started, self._why(found))
        else:
            self._change_if_different(found, done, started)
        self._refuse_dead_tasks(done, started)
        self.log.info("Connector %s: %s", name, ", ".join(done) or "already exists as declared, and runs")
        return {"changed": bool(done), "connector": name, "actions": done}

    def _change_if_different(self, found: Mapping[str, Any], done: list[str], started: str) -> None:
        spec = self._spec()
        differences = spec.differences(found)
        if not differences:
            return
        arn, version = found["connectorArn"], found["currentVersion"]
        if differences.fixed:
            self._make_anew(arn, f"for its {', '.join(differences.fixed)}", done, started)
        if differences.capacity:
            action = f"updated to {spec.capacity}"
            self._once(action, done, arn)
            self.hook.set_capacity(arn, version, spec.capacity.request())
            self._wait(arn, [*done, action], started)
        action = f"updated {', '.join(differences.config)}"
        self._once(action, done, arn)
        self.hook.set_config(arn, version, spec.update())
        self._wait(arn, [*done, action], started)

    def _make_anew(self, arn: str, because: str, done: list[str], started: str, why: str = "") -> NoReturn:
        name = self._connector.name
        if done:
            raise RuntimeError(
                f"connector {name!r} was {', '.join(done)}, and is to be made anew, {because}: {why or 'see its log'}. "
                f"Mend that and run this task again\n{self._log(started)}"
            )
        self.log.warning("Connector %s is made anew, %s: %s", name, because, why)
        self.hook.delete(arn)
        self._wait(arn, [f"deleted, {because}"], started)

    def _once(self, action: str, done: Sequence[str], arn: str | None = None) -> None:
        """Refuse to do again what has been done by this run and did not last."""
        if action in done:
            why = self.hook.why_not_changed(arn) if arn else ""
            raise RuntimeError(
                f"connector {self._connector.name!r} was {action}, and does not show it ({why or 'no reason told'}): "
                "see its operations in MSK Connect's console, then run this task again"
            )

    def _wait(self, arn: str, done: list[str], started: str) -> NoReturn:
        self.log.info("Connector %s: %s", self._connector.name, ", ".join(done) or "somebody changes it")
        self.wait_for(self.hook, {"arn": arn}, since=started, done=done, started=started)

    def _refuse_dead_tasks(self, done: Sequence[str], started: str) -> None:
        """Look whether a task died since this run changed the connector, which MSK Connect does not tell."""
        if not done:
            return
        name = self._connector.name
        if dead := self.logs.lines(self._log_group, _DEAD_TASK, datetime.fromisoformat(started)):
            raise RuntimeError(
                f"connector {name!r} is RUNNING, and {len(dead)} times a task of it died: mend that, then delete it "
                "(aws kafkaconnect delete-connector; its offsets stay) and run this task again\n"
                f"{self._log(started)}"
            )

    def _log(self, started: str) -> str:
        """Return the last errors of its log since this task began."""
        group = self._log_group
        lines = self.logs.lines(group, _ERRORS, datetime.fromisoformat(started))
        return "\n".join([f"{group}:", *lines]) if lines else f"{group} has no error since {started}"

    def _why(self, found: Mapping[str, Any]) -> str:
        from pinpipe_airflow.hooks.msk_connector import reason

        return reason(found) or "MSK Connect gives no reason"

    def _described(self) -> Mapping[str, Any] | None:
        arn = self.hook.arn(self._connector.name)
        return None if arn is None else self.hook.describe(arn)

    def _spec(self, *, plan: bool = False) -> ConnectorSpec:
        """Return the connector as it is to be.

        :param plan: whether what is to be made before it may be missing.
        """
        wanted = settings()
        for option, value in (
            ("connect_role", self.role_arn),
            ("connect_subnets", given(self.subnets)),
            ("connect_security_groups", given(self.security_groups)),
        ):
            if not value:
                raise ValueError(f"connector {self._connector.name!r}: {option} is empty, MSK Connect wants it: set it")
        return ConnectorSpec(
            name=self._connector.name,
            config=self._connector.config,
            capacity=self._capacity,
            bootstrap_servers=self.bootstrap_servers or self._brokers(),
            subnets=given(self.subnets),
            security_groups=given(self.security_groups),
            role_arn=self.role_arn,
            version=wanted.connect_version,
            plugin=self._plugin(plan),
            worker=self._worker(plan),
            log_group=self._log_group,
        )

    def _plugin(self, plan: bool) -> tuple[str, int]:
        from pinpipe_airflow.hooks.msk_custom_plugin import MskCustomPluginHook
        from pinpipe_airflow.hooks.plugin_archive import PluginArchiveHook

        wanted = settings()
        given_to: dict[str, Any] = {"aws_conn_id": self.aws_conn_id, "region_name": self.region_name}
        archive = PluginArchiveHook(**given_to).archive(wanted.bucket, wanted.connect_plugin)
        name = f"{plugin_prefix(wanted.pipeline_id)}{archive.content}"
        return self._made(MskCustomPluginHook(**given_to).find(name), f"custom plugin {name!r}", plan)

    def _worker(self, plan: bool) -> tuple[str, int]:
        from pinpipe_airflow.hooks.msk_worker_configuration import MskWorkerConfigurationHook

        wanted = settings()
        name = f"{worker_prefix(wanted.pipeline_id)}{short_hash(worker_properties(wanted.marks))}"
        hook = MskWorkerConfigurationHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        return self._made(hook.find(name), f"worker configuration {name!r}", plan)

    def _made(self, found: Any, what: str, plan: bool) -> tuple[str, int]:
        if found is not None and (plan or found.state == "ACTIVE"):
            return found.arn, found.revision
        if plan:
            return f"{what} to be", 0
        raise LookupError(
            f"connector {self._connector.name!r} needs {what}, which is {found.state if found else 'not there'}: run "
            "the task that makes it again"
        )

    def _brokers(self) -> str:
        from pinpipe_airflow.hooks.kafka_config import KafkaConfigHook

        return str(KafkaConfigHook(self.kafka_conn_id).config()["bootstrap.servers"])

    @cached_property
    def _connector(self) -> ConnectorDefinition:
        return msk_connector(self.definition, settings().marks)

    @property
    def _log_group(self) -> str:
        return log_group(settings().pipeline_id, self._connector.name)

    @property
    def _capacity(self) -> Capacity:
        wanted = settings()
        return Capacity(wanted.connect_mcus, wanted.connect_workers, wanted.connect_max_workers)
