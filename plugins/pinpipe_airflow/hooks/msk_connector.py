"""Connectors of MSK Connect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pinpipe_airflow.hooks.msk_connect import MskConnectHook
from pinpipe_airflow.msk_connect_state import settled
from pinpipe_airflow.msk_connector_spec import ConnectorSpec
from pinpipe_airflow.progress import Progress


class MskConnectorHook(MskConnectHook):
    """Describes, creates, changes and deletes connectors; what is begun is done once the connector is ``RUNNING``."""

    def arn(self, name: str) -> str | None:
        """Return the ARN of the connector of this name, ``None`` when there is none."""
        pages = self.client.get_paginator("list_connectors").paginate(connectorNamePrefix=name)
        found = (connector for page in pages for connector in page["connectors"])
        return next((connector["connectorArn"] for connector in found if connector["connectorName"] == name), None)

    def describe(self, arn: str) -> Mapping[str, Any] | None:
        """Return a connector as ``DescribeConnector`` has it, ``None`` when it is gone."""
        try:
            described: Mapping[str, Any] = self.client.describe_connector(connectorArn=arn)
        except self.client.exceptions.NotFoundException:
            return None
        return described

    def state(self, arn: str) -> tuple[str, str] | None:
        """Return a connector's state and what MSK Connect says of it, ``None`` when it is gone."""
        found = self.describe(arn)
        return None if found is None else (found["connectorState"], reason(found))

    def progress(self, arn: str) -> Progress:
        """Return whether a connector has left the states that pass, whatever it has become."""
        return settled(self.state(arn))

    def create(self, spec: ConnectorSpec, tags: Mapping[str, str]) -> str:
        """Begin to create a connector; return its ARN."""
        arn: str = self.client.create_connector(**spec.request(tags))["connectorArn"]
        return arn

    def set_config(self, arn: str, version: str, config: Mapping[str, str]) -> None:
        """Begin to replace a connector's configuration.

        :param version: the connector's ``currentVersion``, so that nobody else's change is overwritten.
        """
        self.client.update_connector(connectorArn=arn, currentVersion=version, connectorConfiguration=dict(config))

    def set_capacity(self, arn: str, version: str, capacity: Mapping[str, Any]) -> None:
        """Begin to change a connector's capacity; ``version`` as in :meth:`set_config`."""
        self.client.update_connector(connectorArn=arn, currentVersion=version, capacity=dict(capacity))

    def why_not_changed(self, arn: str) -> str:
        """Return what MSK Connect says of the newest operation on a connector, if that did not succeed."""
        pages = self.client.get_paginator("list_connector_operations").paginate(connectorArn=arn)
        operations = [operation for page in pages for operation in page["connectorOperations"]]
        newest = max(operations, key=lambda operation: operation["creationTime"], default=None)
        if newest is None or newest["connectorOperationState"] == "UPDATE_COMPLETE":
            return ""
        described = self.client.describe_connector_operation(connectorOperationArn=newest["connectorOperationArn"])
        said = described.get("errorInfo", {})
        return f"{newest['connectorOperationState']}: {said.get('code', '')} {said.get('message', 'no reason given')}"

    def delete(self, arn: str) -> None:
        """Begin to delete a connector; what its group has committed stays."""
        try:
            self.client.delete_connector(connectorArn=arn)
        except self.client.exceptions.NotFoundException:
            self.log.info("Connector %s is gone", arn)


def reason(described: Mapping[str, Any]) -> str:
    """Return why a connector is in its state, as far as MSK Connect says so."""
    said = described.get("stateDescription") or {}
    return ": ".join(part for part in (said.get("code"), said.get("message")) if part)
