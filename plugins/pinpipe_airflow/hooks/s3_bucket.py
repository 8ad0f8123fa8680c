"""An S3 bucket's properties: what they are, and how to set them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from botocore.exceptions import ClientError

from pinpipe_airflow import aws_tags

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
RAW_OBJECTS_RULE = "pinpipe-raw-objects"
BUCKET_OWNER_ENFORCED = "BucketOwnerEnforced"
_INCOMPLETE_UPLOADS_DAYS = 7


@dataclass(frozen=True)
class Encryption:
    """A bucket's default encryption.

    :param algorithm: ``AES256`` or ``aws:kms``.
    :param kms_key_id: ARN or id of the key for ``aws:kms``; ``None`` for the account's own S3 key.
    """

    algorithm: Literal["AES256", "aws:kms"]
    kms_key_id: str | None = None


@dataclass(frozen=True)
class Transition:
    """When S3 moves objects to another storage class.

    :param days: after they were stored.
    :param storage_class: such as ``STANDARD_IA``.
    """

    days: int
    storage_class: str


class S3BucketHook(S3Hook):
    """Reads and sets what a bucket is like: versioning, life cycle, encryption, public access, policy, ownership, tags.

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
        ours: LifecycleRuleTypeDef = {
            "ID": OLD_VERSIONS_RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": days},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _INCOMPLETE_UPLOADS_DAYS},
        }
        self._set_rule(bucket, OLD_VERSIONS_RULE, ours)

    def transition(self, bucket: str, prefix: str) -> Transition | None:
        """Return when objects under ``prefix`` are moved to another class, ``None``: no rule of ours says so."""
        for rule in self._life_cycle(bucket):
            moves = rule.get("Transitions", [])
            of_prefix = rule.get("Filter", {}).get("Prefix") == prefix
            if rule.get("ID") == RAW_OBJECTS_RULE and rule["Status"] == "Enabled" and of_prefix and moves:
                return Transition(moves[0].get("Days", 0), moves[0].get("StorageClass", ""))
        return None

    def set_transition(self, bucket: str, prefix: str, transition: Transition | None) -> None:
        """Have S3 move objects under ``prefix`` to another class, ``None``: no more; other rules stay."""
        if transition is None:
            self._set_rule(bucket, RAW_OBJECTS_RULE, None)
            return
        storage_class: Any = transition.storage_class
        ours: LifecycleRuleTypeDef = {
            "ID": RAW_OBJECTS_RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Transitions": [{"Days": transition.days, "StorageClass": storage_class}],
        }
        self._set_rule(bucket, RAW_OBJECTS_RULE, ours)

    def policy(self, bucket: str) -> dict[str, Any] | None:
        """Return the bucket's policy, ``None`` when it has none."""
        answer = _unless_missing(lambda: self.client.get_bucket_policy(Bucket=bucket), "NoSuchBucketPolicy")
        return None if answer is None else json.loads(answer["Policy"])

    def set_policy(self, bucket: str, policy: Mapping[str, Any]) -> None:
        """Set the bucket's policy."""
        self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def ownership(self, bucket: str) -> str | None:
        """Return who owns objects, such as ``BucketOwnerEnforced``, ``None`` when nothing says so."""
        answer = _unless_missing(
            lambda: self.client.get_bucket_ownership_controls(Bucket=bucket), "OwnershipControlsNotFoundError"
        )
        return None if answer is None else answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"]

    def enforce_ownership(self, bucket: str) -> None:
        """Have the bucket's owner own every object, and access control lists count for nothing.

        :raises ValueError: when the bucket's list gives rights to others.
        """
        controls: Any = {"Rules": [{"ObjectOwnership": BUCKET_OWNER_ENFORCED}]}
        try:
            self.client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidBucketAclWithObjectOwnership":
                raise
            raise ValueError(
                f"bucket {bucket!r} gives rights to others by its access control list, which would count for nothing: "
                "give them by the bucket's policy, set the list to private (aws s3api put-bucket-acl --acl private), "
                "then run this again"
            ) from error

    def tags(self, bucket: str) -> dict[str, str]:
        """Return the tags of a bucket."""
        answer = _unless_missing(lambda: self.client.get_bucket_tagging(Bucket=bucket), "NoSuchTagSet")
        return {} if answer is None else aws_tags.to_dict(answer["TagSet"])

    def add_tags(self, bucket: str, tags: Mapping[str, str]) -> None:
        """Set ``tags`` of a bucket and leave its others alone."""
        tag_set: Any = aws_tags.to_list({**self.tags(bucket), **tags})
        self.client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set})

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

    def _set_rule(self, bucket: str, rule_id: str, ours: LifecycleRuleTypeDef | None) -> None:
        others: list[Any] = [rule for rule in self._life_cycle(bucket) if rule.get("ID") != rule_id]
        rules = [*others, ours] if ours else others
        if rules:
            self.client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
        else:  # a configuration without rules is none to S3
            self.client.delete_bucket_lifecycle(Bucket=bucket)

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
