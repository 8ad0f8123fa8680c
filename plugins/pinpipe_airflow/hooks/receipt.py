"""Receipts and raw objects of the pipeline in S3."""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from botocore.exceptions import ClientError

from include import layout
from pinpipe_airflow.stored_object import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DAY = re.compile(r"/dt=([0-9]{4}-[0-9]{2}-[0-9]{2})/")


class ReceiptHook(S3Hook):
    """Reads and writes what jobs leave in the pipeline's bucket.

    Takes what the provider's ``AwsBaseHook`` takes, and:

    :param bucket: name of the pipeline's bucket.
    """

    def __init__(self, bucket: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bucket = bucket

    @property
    def client(self) -> S3Client:
        """The boto3 client."""
        return cast("S3Client", self.get_conn())

    def read(self, job: str, day: str | None = None) -> dict[str, Any] | None:
        """Return a job's newest receipt, of ``day`` where it works by day; ``None`` when there is none.

        No bucket counts as no receipt: before ``provision`` there is neither.
        """
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=layout.receipt_key(job, day))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket"):
                return None
            raise
        receipt: dict[str, Any] = json.loads(answer["Body"].read())
        return receipt

    def write(self, job: str, receipt: Mapping[str, Any]) -> str:
        """Store a receipt as its job's newest and return its key."""
        key = layout.receipt_key(job)
        self.load_string(json.dumps(receipt, indent=2), key=key, bucket_name=self.bucket, replace=True)
        return key

    def exists(self, key: str) -> bool:
        """Return whether there is an object of that key."""
        return bool(self.check_for_key(key, bucket_name=self.bucket))

    def raw_objects(self, topic: str, day: str) -> Iterator[StoredObject]:
        """Yield the raw objects of a topic and day."""
        return self._listed(layout.raw_prefix(topic, day))

    def raw_by_day(self, topics: Sequence[str], last: str) -> Iterator[tuple[str, list[StoredObject]]]:
        """Yield every day up to ``last`` that has raw objects of the topics, oldest first, and these.

        Goes through the listings side by side, so that one day's objects are held at a time.

        :param last: ``YYYY-MM-DD``.
        """
        by_topic = (self._raw_with_day(topic, last) for topic in topics)
        for day, found in groupby(heapq.merge(*by_topic, key=itemgetter(0)), key=itemgetter(0)):
            yield day, [stored for _, stored in found]

    def receipts_by_day(self, job: str) -> Iterator[StoredObject]:
        """Yield the newest receipt of each day that ``job`` has worked on."""
        name = layout.receipt_key(job).rpartition("/")[2]
        listed = self._listed(f"{layout.RECEIPT_ROOT}/{job}/dt=")
        return (stored for stored in listed if stored.key.endswith(f"/{name}"))

    def _raw_with_day(self, topic: str, last: str) -> Iterator[tuple[str, StoredObject]]:
        for stored in self._listed(f"{layout.RAW_ROOT}/{topic}/dt="):
            named = _DAY.search(stored.key)
            if named is None or not _is_day(named[1]):
                continue  # none of the sink's
            if named[1] > last:
                return  # S3 lists keys in their order
            yield named[1], stored

    def _listed(self, prefix: str) -> Iterator[StoredObject]:
        for entry in self.iter_file_metadata(prefix=prefix, bucket_name=self.bucket):
            yield StoredObject.of(entry["Key"], entry["ETag"], entry["Size"], entry["LastModified"])


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
