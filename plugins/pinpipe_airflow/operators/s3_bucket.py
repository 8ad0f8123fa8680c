"""The S3 bucket operator."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator

from pinpipe_airflow.hooks.s3_bucket import Encryption, S3BucketHook

if TYPE_CHECKING:
    from airflow.sdk import Context


class S3BucketOperator(BaseOperator):
    """Makes a bucket as wanted: creates it and changes only the properties that differ.

    Public access is always blocked: nothing of the pipeline is public.

    :param bucket: name of the bucket. (templated)
    :param region: AWS region it belongs in. (templated)
    :param versioning: whether overwritten and deleted objects are kept as versions.
    :param old_version_days: days after which S3 removes such versions; ``None`` sets no such rule.
    :param encryption: default encryption, ``AES256`` or ``aws:kms``.
    :param kms_key_id: ARN or id of the key for ``aws:kms``; none for the account's own S3 key. (templated)
    :param aws_conn_id: the Airflow connection to AWS.
    :return: a receipt ``{"changed": bool, "bucket": name, "actions": [what was done, …]}``.
    :raises ValueError: when the bucket is in another region, or ``kms_key_id`` is given for ``AES256``.
    :raises PermissionError: when the name is taken by a bucket that these credentials may not see.
    """

    template_fields: Sequence[str] = ("bucket", "region", "kms_key_id", "aws_conn_id")

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        versioning: bool = True,
        old_version_days: int | None = None,
        encryption: Literal["AES256", "aws:kms"] = "AES256",
        kms_key_id: str | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.region = region
        self.versioning = versioning
        self.old_version_days = old_version_days
        self.encryption = encryption
        self.kms_key_id = kms_key_id
        self.aws_conn_id = aws_conn_id

    @cached_property
    def hook(self) -> S3BucketHook:
        """The hook that talks to S3."""
        return S3BucketHook(aws_conn_id=self.aws_conn_id, region_name=self.region)

    def execute(self, context: Context) -> dict[str, Any]:
        """Create the bucket if it is not there, then set what differs."""
        encryption = self._wanted_encryption()
        actions = [
            *self._create(),
            *self._set_versioning(),
            *self._set_old_versions(),
            *self._set_encryption(encryption),
            *self._block_public_access(),
        ]
        for action in actions:
            self.log.info("Bucket %s: %s", self.bucket, action)
        if not actions:
            self.log.info("Bucket %s already exists as wanted", self.bucket)
        return {"changed": bool(actions), "bucket": self.bucket, "actions": actions}

    def _create(self) -> list[str]:
        region = self.hook.region(self.bucket)
        if region is None:
            self.hook.create_bucket(bucket_name=self.bucket, region_name=self.region)
            return [f"created in {self.region}"]
        if region != self.region:
            raise ValueError(
                f"bucket {self.bucket!r} is in region {region!r}, {self.region!r} wanted: a bucket cannot move; "
                "set region to where it is, or choose another name (setting bucket)"
            )
        return []

    def _set_versioning(self) -> list[str]:
        if self.hook.versioning(self.bucket) == self.versioning:
            return []
        self.hook.set_versioning(self.bucket, self.versioning)
        return [f"versioning {'enabled' if self.versioning else 'suspended'}"]

    def _set_old_versions(self) -> list[str]:
        days = self.old_version_days
        if days is None or self.hook.old_versions_kept(self.bucket) == days:
            return []
        self.hook.keep_old_versions(self.bucket, days)
        return [f"old versions are kept for {days} days"]

    def _set_encryption(self, wanted: Encryption) -> list[str]:
        if self.hook.encryption(self.bucket) == wanted:
            return []
        self.hook.set_encryption(self.bucket, wanted)
        return [f"default encryption {wanted.algorithm}"]

    def _block_public_access(self) -> list[str]:
        if self.hook.public_access_blocked(self.bucket):
            return []
        self.hook.block_public_access(self.bucket)
        return ["public access blocked"]

    def _wanted_encryption(self) -> Encryption:
        if self.kms_key_id and self.encryption != "aws:kms":
            raise ValueError(
                f"bucket {self.bucket!r}: kms_key_id={self.kms_key_id!r} with encryption={self.encryption!r}: "
                "a key belongs to encryption='aws:kms'"
            )
        return Encryption(self.encryption, self.kms_key_id or None)
