"""The pipeline's bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.inventory.kind import Kind

if TYPE_CHECKING:
    from include.settings import Settings


def _find(wanted: Settings) -> list[str]:
    from pinpipe_airflow.hooks.s3_bucket import S3BucketHook

    hook = S3BucketHook(**aws_place(wanted))
    return [wanted.bucket] if hook.region(wanted.bucket) is not None else []


BUCKET = Kind(
    id="bucket",
    title="Bucket",
    service="s3",
    find=_find,
    is_data=True,
    may_stay=True,
    # The catalog first: it knows which files are its own.
    after=("topics", "unity_catalog"),
)
