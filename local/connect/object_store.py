"""Stores objects in S3; the endpoint and credentials are botocore's own settings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError, IncompleteReadError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

log = logging.getLogger(__name__)

PUT_THREADS = 4
_MOST_CONFLICTS = 5
_TRANSIENT_STATUS = {408, 409, 429}
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}


class StoreUnavailableError(Exception):
    """S3 does not answer, or asks to come back later."""


class StoreRefusedError(Exception):
    """S3 will not store it, however often it is asked: no such bucket, no access."""


class ObjectStore:
    """A bucket whose objects never lose a record once they are stored.

    :param bucket: the bucket's name.
    :param region: its AWS region.
    """

    def __init__(self, bucket: str, region: str) -> None:
        self._bucket = bucket
        self._client = boto3.session.Session().client(
            "s3",
            region_name=region,
            config=Config(
                connect_timeout=2,
                read_timeout=10,
                retries={"mode": "standard", "total_max_attempts": 2},
                max_pool_connections=PUT_THREADS,
            ),
        )

    def check(self) -> None:
        """Return when the bucket is there.

        :raises StoreRefusedError: when it is not, or access is denied.
        :raises StoreUnavailableError: when S3 does not answer.
        """
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except (ClientError, BotoCoreError) as error:
            raise self._classified(error, "the bucket") from error

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Store an object, unless what is there under ``key`` holds ``body`` already.

        After a crash the same first offset names an object of other length, and a process that lost its partitions
        unaware may still be storing: a shorter object must not replace a longer one that it is the beginning of.

        :raises StoreRefusedError: when S3 refuses for good.
        :raises StoreUnavailableError: when a later try may succeed.
        """
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": key,
            "Body": body,
            "ContentType": content_type,
            "IfNoneMatch": "*",
        }
        try:
            for _ in range(_MOST_CONFLICTS):
                try:
                    self._client.put_object(**request)
                except ClientError as error:
                    if error.response["Error"]["Code"] not in _EXISTS:
                        raise
                else:
                    return
                there = self._client.get_object(Bucket=self._bucket, Key=key)
                content = there["Body"].read()
                if content.startswith(body):
                    return
                if not body.startswith(content):
                    log.warning("s3://%s/%s holds other records (a topic made anew?): replaced", self._bucket, key)
                request.pop("IfNoneMatch", None)
                request["IfMatch"] = there["ETag"]
        except (ClientError, BotoCoreError) as error:
            raise self._classified(error, key) from error
        raise StoreUnavailableError(f"s3://{self._bucket}/{key} changed {_MOST_CONFLICTS} times while it was stored")

    def _classified(self, error: Exception, what: str) -> StoreUnavailableError | StoreRefusedError:
        message = f"s3 bucket '{self._bucket}', {what}: {error}"
        if isinstance(error, ClientError):
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            code = error.response["Error"]["Code"]
            if status >= 500 or status in _TRANSIENT_STATUS or code == "RequestTimeout":
                return StoreUnavailableError(message)
            if code == "NoSuchBucket" or (status == 404 and what == "the bucket"):
                message = f"Non-existent S3 bucket: '{self._bucket}': create it and restart the task ({error})"
        elif isinstance(error, (ConnectionError, HTTPClientError, IncompleteReadError)):
            return StoreUnavailableError(message)
        return StoreRefusedError(message)
