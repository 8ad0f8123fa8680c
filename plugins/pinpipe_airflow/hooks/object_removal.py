"""Objects of the pipeline's bucket: what lies under a prefix, and its removal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import batched
from typing import TYPE_CHECKING

from include import layout
from pinpipe_airflow.amount import Amount
from pinpipe_airflow.hooks.receipt import ReceiptHook
from pinpipe_airflow.stored_object import StoredObject

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

# https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
MOST_AT_ONCE = 1_000
_TOLD = 3


class ObjectsLeftError(RuntimeError):
    """S3 did not remove every object that it was asked to."""


class ObjectRemovalHook(ReceiptHook):
    """Lists and removes objects, a page at a time: memory does not grow with their number.

    Takes what :class:`~pinpipe_airflow.hooks.receipt.ReceiptHook` takes.
    """

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names of the folders right under ``prefix``, which ends with a slash."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            for folder in page.get("CommonPrefixes", []):
                yield folder["Prefix"].removeprefix(prefix).removesuffix("/")

    def objects(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object under ``prefix``, by key."""
        return self._listed(prefix)

    def remove(self, objects: Iterable[StoredObject]) -> Amount:
        """Remove objects; in a versioned bucket they stay as older versions, for as long as its life cycle says.

        :raises ObjectsLeftError: when S3 refuses some; the others are gone.
        """
        removed = Amount()
        for few in batched(objects, MOST_AT_ONCE):
            self._delete([{"Key": stored.key} for stored in few])
            removed += Amount(len(few), sum(stored.size for stored in few))
        return removed

    def remove_versions(self, prefix: str) -> Amount:
        """Remove every version of every object under ``prefix``, for good.

        :return: number and bytes of the versions; what only marks an object as deleted counts as one without bytes.
        :raises ObjectsLeftError: when S3 refuses some; the others are gone.
        """
        removed = Amount()
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            for few in batched(versions, MOST_AT_ONCE):
                self._delete([{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in few])
            removed += Amount(len(versions), sum(entry["Size"] for entry in page.get("Versions", [])))
        return removed

    def remove_receipt(self, job: str) -> None:
        """Remove a job's newest receipt; no bucket counts as no receipt."""
        try:
            self._delete([{"Key": layout.receipt_key(job)}])
        except self.client.exceptions.NoSuchBucket:
            self.log.info("There is no bucket %s, so no receipt of %s", self.bucket, job)

    def amount(self, prefix: str = "", most: int = MOST_AT_ONCE) -> Amount:
        """Return how much lies under ``prefix``, of the first ``most`` objects only."""
        sizes = [entry["Size"] for entry in self.iter_file_metadata(prefix, self.bucket, max_items=most)]
        return Amount(len(sizes), sum(sizes))

    def holds_anything(self) -> bool:
        """Return whether any version of any object is left in the bucket."""
        page = self.client.list_object_versions(Bucket=self.bucket, MaxKeys=1)
        return bool(page.get("Versions") or page.get("DeleteMarkers"))

    def _delete(self, few: list[ObjectIdentifierTypeDef]) -> None:
        answer = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": few, "Quiet": True})
        if errors := answer.get("Errors", []):
            told = ", ".join(f"{error.get('Key')}: {error.get('Code')}" for error in errors[:_TOLD])
            raise ObjectsLeftError(
                f"S3 did not remove {len(errors)} of {len(few)} objects of bucket {self.bucket!r} ({told}): allow "
                f"s3:DeleteObject and s3:DeleteObjectVersion to connection {self.aws_conn_id!r}, then run this again"
            )
