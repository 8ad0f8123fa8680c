"""Operators for worker configurations of MSK Connect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from include.connector_definitions import short_hash, worker_properties
from include.settings import settings
from pinpipe_airflow.operators.connector_part_removal import ConnectorPartRemovalOperator
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.msk_worker_configuration import MskWorkerConfigurationHook


class MskWorkerConfigurationOperator(ProvisioningOperator):
    """Makes the worker configuration of ``include/connectors/msk_connect.yaml``.

    It cannot be changed: the end of its name stands for its content, so another content becomes another one, which
    :class:`~pinpipe_airflow.operators.msk_connector.MskConnectorOperator` finds in the same way.

    :param prefix: how its name begins. (templated)
    :param tags: tags that it gets. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param region_name: AWS region.
    :return: a receipt ``{"changed": bool, "worker_configuration": name, "actions": [what was done, …]}``.
    :raises RuntimeError: when one of this name is just being deleted.
    """

    template_fields: Sequence[str] = ("prefix", "tags", "aws_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json"}

    def __init__(
        self,
        *,
        prefix: str,
        tags: Mapping[str, str] | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix
        self.tags = tags
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> MskWorkerConfigurationHook:
        """The hook that talks to MSK Connect."""
        from pinpipe_airflow.hooks.msk_worker_configuration import MskWorkerConfigurationHook

        return MskWorkerConfigurationHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def plan(self) -> list[str]:
        """Return whether it would be created."""
        return [] if self._is_there() else [f"create worker configuration {self._name}"]

    def apply(self, context: Context) -> dict[str, Any]:
        """Create it where it is missing."""
        if self._is_there():
            self.log.info("Worker configuration %s is already there", self._name)
            return {"changed": False, "worker_configuration": self._name, "actions": []}
        self.hook.create(self._name, self._properties, self.tags or {})
        self.log.info("Worker configuration %s is created", self._name)
        return {"changed": True, "worker_configuration": self._name, "actions": ["created"]}

    def _is_there(self) -> bool:
        found = self.hook.find(self._name)
        if found is not None and found.state == "DELETING":
            raise RuntimeError(f"worker configuration {self._name!r} is just being deleted: run this task again later")
        return found is not None

    @cached_property
    def _properties(self) -> str:
        return worker_properties(settings().marks)

    @cached_property
    def _name(self) -> str:
        return f"{self.prefix}{short_hash(self._properties)}"


class MskWorkerConfigurationRemovalOperator(ConnectorPartRemovalOperator):
    """Deletes the pipeline's worker configurations, of every content."""

    @cached_property
    def hook(self) -> MskWorkerConfigurationHook:
        """The hook that talks to MSK Connect."""
        from pinpipe_airflow.hooks.msk_worker_configuration import MskWorkerConfigurationHook

        return MskWorkerConfigurationHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
