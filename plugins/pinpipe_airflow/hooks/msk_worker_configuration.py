"""Worker configurations of MSK Connect."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping

from pinpipe_airflow.hooks.msk_connect import ConnectorPart, ConnectorPartHook


class MskWorkerConfigurationHook(ConnectorPartHook):
    """Finds, creates and deletes worker configurations."""

    def beginning_with(self, prefix: str) -> Iterator[ConnectorPart]:
        """Yield the worker configurations whose name begins so."""
        for page in self.client.get_paginator("list_worker_configurations").paginate(namePrefix=prefix):
            for found in page["workerConfigurations"]:
                yield ConnectorPart(
                    name=found["name"],
                    arn=found["workerConfigurationArn"],
                    state=found["workerConfigurationState"],
                    revision=found["latestRevision"]["revision"],
                )

    def create(self, name: str, properties: str, tags: Mapping[str, str]) -> None:
        """Create a worker configuration.

        :param properties: text of ``connect-distributed.properties``.
        """
        # Stored as Base64, as the service has it; botocore leaves texts alone.
        content = b64encode(properties.encode()).decode()
        self.client.create_worker_configuration(name=name, propertiesFileContent=content, tags=dict(tags))

    def delete(self, arn: str) -> None:
        """Begin to delete a worker configuration; one that is gone meanwhile is left at that."""
        try:
            self.client.delete_worker_configuration(workerConfigurationArn=arn)
        except self.client.exceptions.NotFoundException:
            self.log.info("Worker configuration %s is gone", arn)
