"""Operators for custom plugins of MSK Connect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pinpipe_airflow.msk_connect_state import is_passing
from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator
from pinpipe_airflow.operators.connector_part_removal import ConnectorPartRemovalOperator
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.msk_connect import ConnectorPart
    from pinpipe_airflow.hooks.msk_custom_plugin import MskCustomPluginHook
    from pinpipe_airflow.hooks.plugin_archive import PluginArchive


class MskCustomPluginOperator(AwsWaitingOperator, ProvisioningOperator):
    """Has MSK Connect take over a zip in S3, and waits in the triggerer until it has.

    A plugin cannot be changed: the end of its name stands for the zip's content, so another zip becomes another plugin,
    which :class:`~pinpipe_airflow.operators.msk_connector.MskConnectorOperator` finds in the same way. One whose
    creation failed is deleted and created anew.

    :param prefix: how its name begins. (templated)
    :param bucket: bucket of the zip. (templated)
    :param key: key of the zip. (templated)
    :param tags: tags that it gets. (templated)
    :param wait_timeout: seconds to wait, a deletion before included.
    :return: a receipt ``{"changed": bool, "plugin": name, "actions": [what was done, …]}``.
    :raises FileNotFoundError: when there is no such zip, with where to get it.
    :raises RuntimeError: when MSK Connect cannot take it over, with its reason.
    :raises TimeoutError: when it has not in time.
    """

    template_fields: Sequence[str] = ("prefix", "bucket", "key", "tags", "aws_conn_id", "region_name")
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json"}

    def __init__(
        self,
        *,
        prefix: str,
        bucket: str,
        key: str,
        tags: Mapping[str, str] | None = None,
        wait_timeout: float = 900,
        **kwargs: Any,
    ) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.prefix = prefix
        self.bucket = bucket
        self.key = key
        self.tags = tags

    @cached_property
    def hook(self) -> MskCustomPluginHook:
        """The hook that talks to MSK Connect."""
        from pinpipe_airflow.hooks.msk_custom_plugin import MskCustomPluginHook

        return MskCustomPluginHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    @cached_property
    def archive(self) -> PluginArchive:
        """The zip as it is when the task runs."""
        from pinpipe_airflow.hooks.plugin_archive import PluginArchiveHook

        return PluginArchiveHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name).archive(
            self.bucket, self.key
        )

    def plan(self) -> list[str]:
        """Return whether it would be created."""
        found = self.hook.find(self._name)
        if found is None:
            return [f"create custom plugin {self._name} of s3://{self.bucket}/{self.key}"]
        return [f"change custom plugin {self._name}: made anew, it is {found.state}"] if _failed(found.state) else []

    def apply(self, context: Context) -> dict[str, Any]:
        """Create it where it is missing, then wait."""
        return self._go_on([], datetime.now(UTC).isoformat())

    def execute_complete(
        self, context: Context, event: dict[str, Any], done: list[str], started: str
    ) -> dict[str, Any]:
        """Go on where the trigger has waited."""
        self.refuse_unless_done(
            event,
            f"waiting for custom plugin {self._name!r}",
            "See MSK Connect's console, then run this task again, which waits for it",
        )
        return self._go_on(done, started)

    def _go_on(self, done: list[str], started: str) -> dict[str, Any]:
        found = self.hook.find(self._name)
        if found is None:
            made = self._create()
            self._wait(made.arn, [*done, "created"], started)
        elif is_passing(found.state):
            self._wait(found.arn, done, started)
        elif _failed(found.state):
            why = (self.hook.state(found.arn) or ("", ""))[1] or "no reason given"
            if done:
                raise RuntimeError(
                    f"custom plugin {self._name!r} is {found.state}: {why}. See that s3://{self.bucket}/{self.key} is "
                    "the zip of a connector, then run this task again, which makes it anew"
                )
            self.log.warning("Custom plugin %s is %s: %s. It is made anew", self._name, found.state, why)
            self.hook.delete(found.arn)
            self._wait(found.arn, [f"deleted, it was {found.state}"], started)
        self.log.info("Custom plugin %s: %s", self._name, ", ".join(done) or "already there")
        return {"changed": bool(done), "plugin": self._name, "actions": done}

    def _create(self) -> ConnectorPart:
        archive = self.archive
        self.log.info("Custom plugin %s is made of s3://%s/%s", self._name, archive.bucket, archive.key)
        partition = self.hook.conn_partition
        return self.hook.create(
            self._name,
            bucket_arn=f"arn:{partition}:s3:::{archive.bucket}",
            key=archive.key,
            version=archive.version,
            tags=self.tags or {},
        )

    def _wait(self, arn: str, done: list[str], started: str) -> NoReturn:
        self.wait_for(self.hook, {"arn": arn}, since=started, done=done, started=started)

    @cached_property
    def _name(self) -> str:
        return f"{self.prefix}{self.archive.content}"


class MskCustomPluginRemovalOperator(ConnectorPartRemovalOperator):
    """Deletes the pipeline's custom plugins, of every content; the zip stays where it is."""

    @cached_property
    def hook(self) -> MskCustomPluginHook:
        """The hook that talks to MSK Connect."""
        from pinpipe_airflow.hooks.msk_custom_plugin import MskCustomPluginHook

        return MskCustomPluginHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)


def _failed(state: str) -> bool:
    return state in ("CREATE_FAILED", "UPDATE_FAILED")
