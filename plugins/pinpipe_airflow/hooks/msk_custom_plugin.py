"""Custom plugins of MSK Connect: an archive in S3, as MSK Connect has taken it over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pinpipe_airflow.hooks.msk_connect import ConnectorPart, ConnectorPartHook
from pinpipe_airflow.msk_connect_state import settled
from pinpipe_airflow.progress import Progress


class MskCustomPluginHook(ConnectorPartHook):
    """Finds, creates and deletes custom plugins."""

    def beginning_with(self, prefix: str) -> Iterator[ConnectorPart]:
        """Yield the plugins whose name begins so."""
        for page in self.client.get_paginator("list_custom_plugins").paginate(namePrefix=prefix):
            for found in page["customPlugins"]:
                yield ConnectorPart(
                    name=found["name"],
                    arn=found["customPluginArn"],
                    state=found["customPluginState"],
                    revision=found.get("latestRevision", {}).get("revision", 1),
                )

    def create(
        self, name: str, *, bucket_arn: str, key: str, version: str | None, tags: Mapping[str, str]
    ) -> ConnectorPart:
        """Begin to create a plugin of a zip.

        :param bucket_arn: ARN of the zip's bucket.
        :param key: the zip's key.
        :param version: its version, ``None`` in a bucket without versions.
        """
        location = {"bucketArn": bucket_arn, "fileKey": key, **({"objectVersion": version} if version else {})}
        made = self.client.create_custom_plugin(
            name=name,
            contentType="ZIP",
            description=f"s3://{bucket_arn.rpartition(':')[2]}/{key}",
            location={"s3Location": location},
            tags=dict(tags),
        )
        return ConnectorPart(name, made["customPluginArn"], made["customPluginState"], made["revision"])

    def state(self, arn: str) -> tuple[str, str] | None:
        """Return a plugin's state and what MSK Connect says of it, ``None`` when it is gone."""
        try:
            found = self.client.describe_custom_plugin(customPluginArn=arn)
        except self.client.exceptions.NotFoundException:
            return None
        return found["customPluginState"], found.get("stateDescription", {}).get("message", "")

    def progress(self, arn: str) -> Progress:
        """Return whether a plugin has left the states that pass, whatever it has become."""
        return settled(self.state(arn))

    def delete(self, arn: str) -> None:
        """Begin to delete a plugin; one that is gone meanwhile is left at that."""
        try:
            self.client.delete_custom_plugin(customPluginArn=arn)
        except self.client.exceptions.NotFoundException:
            self.log.info("Custom plugin %s is gone", arn)
