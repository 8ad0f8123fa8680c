"""The zip of a connector that somebody has put into the bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from botocore.exceptions import ClientError

from include.connector_definitions import short_hash

_ZIP = b"PK\x03\x04"
# S3 says 403 for an object that is not there to whoever may not list the bucket.
_UNREADABLE = ("NoSuchBucket", "NoSuchKey", "404", "AccessDenied", "403", "InvalidRange")
_WHERE = (
    "download the zip of 'Amazon S3 Sink' from https://www.confluent.io/hub/confluentinc/kafka-connect-s3 (Confluent "
    "Community License, which you accept by that)"
)


@dataclass(frozen=True)
class PluginArchive:
    """A zip in S3.

    :param version: the object's version, ``None`` in a bucket without versions.
    :param content: twelve digits that stand for its content.
    """

    bucket: str
    key: str
    version: str | None
    content: str


class PluginArchiveHook(S3Hook):
    """Looks at zips of connectors; takes what the provider's ``AwsBaseHook`` takes."""

    def archive(self, bucket: str, key: str) -> PluginArchive:
        """Return a zip as it is now.

        :raises FileNotFoundError: when there is none, with where to get it.
        :raises ValueError: when the object is no zip, such as a page that was saved under that name.
        """
        client: Any = self.get_conn()
        try:
            head = client.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{len(_ZIP) - 1}")
        except ClientError as error:
            if error.response["Error"]["Code"] not in _UNREADABLE:
                raise
            raise FileNotFoundError(
                f"s3://{bucket}/{key} cannot be read ({error.response['Error']['Code']}), the connectors' plugin is to "
                f"be there: {_WHERE}, then aws s3 cp <the zip> s3://{bucket}/{key}; or set connect_plugin to its key"
            ) from error
        if head["Body"].read() != _ZIP:
            raise ValueError(f"s3://{bucket}/{key} is no zip, the connectors' plugin is to be one: {_WHERE}")
        size = head["ContentRange"].rpartition("/")[2]
        version = head.get("VersionId")
        return PluginArchive(
            bucket, key, version if version != "null" else None, short_hash(key, head["ETag"].strip('"'), size)
        )
