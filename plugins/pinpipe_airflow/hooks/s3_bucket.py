"""An S3 bucket's properties: what they are, and how to set them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        LifecycleRuleOutputTypeDef,
        LifecycleRuleTypeDef,
        PublicAccessBlockConfigurationTypeDef,
        ServerSideEncryptionByDefaultTypeDef,
        ServerSideEncryptionRuleTypeDef,
    )

PUBLIC_ACCESS_BLOCKED: PublicAccessBlockConfigurationTypeDef = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
OLD_VERSIONS_RULE = "pinpipe-old-versions"
_INCOMPLETE_UPLOADS_DAYS = 7


@dataclass(frozen=True)
class Encryption:
    """A bucket's default encryption.

    :param algorithm: ``AES256`` or ``aws:kms``.
    :param kms_key_id: ARN or id of the key for ``aws:kms``; ``None`` for the account's own S3 key.
    """

    algorithm: Literal["AES256", "aws:kms"]
    kms_key_id: str | None = None


class S3BucketHook(S3Hook):
    """Reads and sets versioning, life cycle, default encryption and the public access block of a bucket.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    @property
    def client(self) -> S3Client:
        """The boto3 client."""
        return cast("S3Client", self.get_conn())

    def region(self, bucket: str) -> str | None:
        """Return the region of a bucket, ``None`` when there is no such bucket.

        :raises PermissionError: when the name is taken by a bucket that these credentials may not see.
        """
        try:
            answer = self.client.head_bucket(Bucket=bucket)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                return None
            if status == 403:
                raise PermissionError(
                    f"bucket {bucket!r} answers 403 to connection {self.aws_conn_id!r}: bucket names are global, so "
                    "it may be another account's; choose another name (setting bucket) or allow s3:ListBucket"
                ) from error
            raise
        location: str | None = answer.get("BucketRegion") or self._location(bucket)
        return location

    def versioning(self, bucket: str) -> bool:
        """Return whether versioning is on."""
        return bool(self.client.get_bucket_versioning(Bucket=bucket).get("Status") == "Enabled")

    def set_versioning(self, bucket: str, enabled: bool) -> None:
        """Turn versioning on, or suspend it: S3 cannot turn it off again."""
        self.client.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled" if enabled else "Suspended"}
        )

    def old_versions_kept(self, bucket: str) -> int | None:
        """Return for how many days overwritten and deleted objects are kept, ``None``: no rule of ours says so."""
        for rule in self._life_cycle(bucket):
            if rule.get("ID") == OLD_VERSIONS_RULE and rule["Status"] == "Enabled":
                return rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
        return None

    def keep_old_versions(self, bucket: str, days: int) -> None:
        """Have S3 remove overwritten and deleted objects, and what is left of broken uploads; other rules stay.

        :param days: for how many days they can be brought back.
        """
        others = [rule for rule in self._life_cycle(bucket) if rule.get("ID") != OLD_VERSIONS_RULE]
        ours: LifecycleRuleTypeDef = {
            "ID": OLD_VERSIONS_RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": days},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _INCOMPLETE_UPLOADS_DAYS},
        }
        self.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*others, ours]})

    def encryption(self, bucket: str) -> Encryption | None:
        """Return the default encryption, ``None`` when none is set."""
        answer = _unless_missing(
            lambda: self.client.get_bucket_encryption(Bucket=bucket),
            "ServerSideEncryptionConfigurationNotFoundError",
        )
        if answer is None:
            return None
        default = answer["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
        return Encryption(default["SSEAlgorithm"], default.get("KMSMasterKeyID"))

    def set_encryption(self, bucket: str, encryption: Encryption) -> None:
        """Set the default encryption; a KMS key gets a bucket key, which saves most calls to KMS."""
        default: ServerSideEncryptionByDefaultTypeDef = {"SSEAlgorithm": encryption.algorithm}
        if encryption.kms_key_id:
            default["KMSMasterKeyID"] = encryption.kms_key_id
        rule: ServerSideEncryptionRuleTypeDef = {
            "ApplyServerSideEncryptionByDefault": default,
            "BucketKeyEnabled": encryption.algorithm == "aws:kms",
        }
        self.client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})

    def public_access_blocked(self, bucket: str) -> bool:
        """Return whether all four kinds of public access are blocked."""
        answer = _unless_missing(
            lambda: self.client.get_public_access_block(Bucket=bucket), "NoSuchPublicAccessBlockConfiguration"
        )
        return answer is not None and answer["PublicAccessBlockConfiguration"] == PUBLIC_ACCESS_BLOCKED

    def block_public_access(self, bucket: str) -> None:
        """Block all four kinds of public access."""
        self.client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=PUBLIC_ACCESS_BLOCKED)

    def delete(self, bucket: str) -> None:
        """Delete a bucket, in which nothing may be left, not even an older version."""
        self.client.delete_bucket(Bucket=bucket)

    def _life_cycle(self, bucket: str) -> list[LifecycleRuleOutputTypeDef]:
        answer = _unless_missing(
            lambda: self.client.get_bucket_lifecycle_configuration(Bucket=bucket), "NoSuchLifecycleConfiguration"
        )
        return [] if answer is None else answer["Rules"]

    def _location(self, bucket: str) -> str:
        # S3 says null for its oldest region.
        return self.client.get_bucket_location(Bucket=bucket).get("LocationConstraint") or "us-east-1"


def _unless_missing(read: Callable[[], Any], missing: str) -> Any | None:
    try:
        return read()
    except ClientError as error:
        if error.response["Error"]["Code"] == missing:
            return None
        raise
