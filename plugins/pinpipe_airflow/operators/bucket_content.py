"""The operator that removes the pipeline's data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.s3_bucket import S3BucketHook


class BucketContentRemovalOperator(BaseOperator):
    """Removes places in S3 for good, every version of every object, and then the bucket if nothing else lies in it.

    :param bucket: the pipeline's bucket. (templated)
    :param places: what is removed, ``s3://<bucket>/<prefix>/``, in this bucket or another. (templated)
    :param region: AWS region of the bucket. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :return: what was ``removed`` by place (objects, versions among them, and bytes), whether the bucket is gone
        (``bucket_removed``), and what else lies in it where it is not (``others``, counted up to a thousand).
    """

    template_fields: Sequence[str] = ("bucket", "places", "region", "aws_conn_id")

    def __init__(
        self,
        *,
        bucket: str,
        places: Sequence[str],
        region: str,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.places = places
        self.region = region
        self.aws_conn_id = aws_conn_id

    @cached_property
    def buckets(self) -> S3BucketHook:
        """The hook for buckets as a whole."""
        from pinpipe_airflow.hooks.s3_bucket import S3BucketHook

        return S3BucketHook(aws_conn_id=self.aws_conn_id, region_name=self.region)

    def execute(self, context: Context) -> dict[str, Any]:
        """Remove place after place, then the bucket."""
        removed = {place: self._remove(place) for place in self.places}
        return {"removed": removed, **self._remove_bucket()}

    def _remove(self, place: str) -> dict[str, int]:
        from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook

        parts = urlsplit(place)
        if self.buckets.region(parts.netloc) is None:
            self.log.info("%s: there is no such bucket", place)
            return {"objects": 0, "bytes": 0}
        amount = ObjectRemovalHook(parts.netloc, aws_conn_id=self.aws_conn_id).remove_versions(parts.path.lstrip("/"))
        self.log.info("%s: %s are removed", place, amount)
        return asdict(amount)

    def _remove_bucket(self) -> dict[str, Any]:
        from pinpipe_airflow.hooks.object_removal import ObjectRemovalHook

        if self.buckets.region(self.bucket) is None:
            self.log.info("Bucket %s is gone already", self.bucket)
            return {"bucket_removed": True, "others": None}
        content = ObjectRemovalHook(self.bucket, aws_conn_id=self.aws_conn_id)
        if content.holds_anything():
            others = content.amount()
            self.log.warning("Bucket %s stays, as other things lie in it: %s", self.bucket, others)
            return {"bucket_removed": False, "others": asdict(others)}
        self.buckets.delete(self.bucket)
        self.log.info("Bucket %s is deleted", self.bucket)
        return {"bucket_removed": True, "others": None}
