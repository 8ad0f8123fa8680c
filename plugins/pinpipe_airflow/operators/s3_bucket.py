"""The S3 bucket operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from include import layout
from pinpipe_airflow import aws_tags
from pinpipe_airflow.hooks.s3_bucket import BUCKET_OWNER_ENFORCED, Encryption, S3BucketHook, Transition
from pinpipe_airflow.operators.provisioning import ProvisioningOperator
from pinpipe_airflow.policy_documents import holds_statement, with_statement
from pinpipe_airflow.provisioning_step import Step, done, planned

if TYPE_CHECKING:
    from airflow.sdk import Context

TLS_ONLY = "PinpipeTlsOnly"


class S3BucketOperator(ProvisioningOperator):
    """Makes a bucket as wanted: creates it and changes only the properties that differ.

    Public access is always blocked, its owner owns every object, and requests without TLS are denied: nothing of the
    pipeline is public. What else its policy, life cycle and tags hold stays.

    :param bucket: name of the bucket. (templated)
    :param region: AWS region it belongs in. (templated)
    :param versioning: whether overwritten and deleted objects are kept as versions.
    :param old_version_days: days after which S3 removes such versions; ``None`` sets no such rule.
    :param raw_transition_days: days after which S3 moves raw objects to ``raw_storage_class``; ``None``: never.
    :param raw_storage_class: such as ``STANDARD_IA``.
    :param encryption: default encryption, ``AES256`` or ``aws:kms``.
    :param kms_key_id: ARN or id of the key for ``aws:kms``; none for the account's own S3 key. (templated)
    :param tags: tags that the bucket gets.
    :param aws_conn_id: the Airflow connection to AWS.
    :return: a receipt ``{"changed": bool, "bucket": name, "actions": [what was done, …]}``.
    :raises ValueError: when the bucket is in another region, ``kms_key_id`` is given for ``AES256``, or access control
        lists give rights to others.
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
        raw_transition_days: int | None = None,
        raw_storage_class: str = "STANDARD_IA",
        encryption: Literal["AES256", "aws:kms"] = "AES256",
        kms_key_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.region = region
        self.versioning = versioning
        self.old_version_days = old_version_days
        self.raw_transition_days = raw_transition_days
        self.raw_storage_class = raw_storage_class
        self.encryption = encryption
        self.kms_key_id = kms_key_id
        self.tags = tags
        self.aws_conn_id = aws_conn_id

    @cached_property
    def hook(self) -> S3BucketHook:
        """The hook that talks to S3."""
        return S3BucketHook(aws_conn_id=self.aws_conn_id, region_name=self.region)

    def plan(self) -> list[str]:
        """Compare the bucket with what is wanted; of one that is not there, no more is to be said."""
        encryption = self._wanted_encryption()
        if not self._is_there():
            return [f"create bucket {self.bucket} in {self.region}"]
        return [f"change bucket {self.bucket}: {what}" for what in planned(self._differences(encryption))]

    def apply(self, context: Context) -> dict[str, Any]:
        """Create the bucket if it is not there, then set what differs."""
        encryption = self._wanted_encryption()
        actions = []
        if not self._is_there():
            self.hook.create_bucket(bucket_name=self.bucket, region_name=self.region)
            actions.append(f"created in {self.region}")
            self.log.info("Bucket %s is created", self.bucket)
        actions += done(self._differences(encryption), self.log, f"Bucket {self.bucket}")
        if not actions:
            self.log.info("Bucket %s already exists as wanted", self.bucket)
        return {"changed": bool(actions), "bucket": self.bucket, "actions": actions}

    def _is_there(self) -> bool:
        region = self.hook.region(self.bucket)
        if region not in (None, self.region):
            raise ValueError(
                f"bucket {self.bucket!r} is in region {region!r}, {self.region!r} wanted: a bucket cannot move; "
                "set region to where it is, or choose another name (setting bucket)"
            )
        return region is not None

    def _differences(self, encryption: Encryption) -> Iterator[Step]:
        """Yield what differs and how to mend it; each property is read when it is its turn."""
        if self.hook.versioning(self.bucket) != self.versioning:
            yield Step(
                f"versioning {'enabled' if self.versioning else 'suspended'}",
                lambda: self.hook.set_versioning(self.bucket, self.versioning),
            )
        yield from self._life_cycle()
        if self.hook.encryption(self.bucket) != encryption:
            yield Step(
                f"default encryption {encryption.algorithm}",
                lambda: self.hook.set_encryption(self.bucket, encryption),
            )
        if not self.hook.public_access_blocked(self.bucket):
            yield Step("public access blocked", lambda: self.hook.block_public_access(self.bucket))
        if self.hook.ownership(self.bucket) != BUCKET_OWNER_ENFORCED:
            yield Step("its owner owns every object", lambda: self.hook.enforce_ownership(self.bucket))
        policy, tls_only = self.hook.policy(self.bucket), self._tls_only()
        if not holds_statement(policy, tls_only):
            yield Step(
                "requests without TLS are denied",
                lambda: self.hook.set_policy(self.bucket, with_statement(policy, tls_only)),
            )
        if differing := aws_tags.different(self.tags or {}, self.hook.tags(self.bucket)):
            yield Step(f"tags {', '.join(sorted(differing))}", lambda: self.hook.add_tags(self.bucket, differing))

    def _life_cycle(self) -> Iterator[Step]:
        days = self.old_version_days
        if days is not None and self.hook.old_versions_kept(self.bucket) != days:
            yield Step(
                f"old versions are kept for {days} days",
                lambda: self.hook.keep_old_versions(self.bucket, days),
            )
        prefix = f"{layout.RAW_ROOT}/"
        later = Transition(self.raw_transition_days, self.raw_storage_class) if self.raw_transition_days else None
        if self.hook.transition(self.bucket, prefix) != later:
            told = f"move to {later.storage_class} after {later.days} days" if later else "stay in their storage class"
            yield Step(f"raw objects {told}", lambda: self.hook.set_transition(self.bucket, prefix, later))

    def _tls_only(self) -> dict[str, Any]:
        """Return the statement that S3's own documentation gives for it.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html#transit
        """
        arn = f"arn:{self.hook.conn_partition}:s3:::{self.bucket}"
        return {
            "Sid": TLS_ONLY,
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }

    def _wanted_encryption(self) -> Encryption:
        if self.kms_key_id and self.encryption != "aws:kms":
            raise ValueError(
                f"bucket {self.bucket!r}: kms_key_id={self.kms_key_id!r} with encryption={self.encryption!r}: "
                "a key belongs to encryption='aws:kms'"
            )
        return Encryption(self.encryption, self.kms_key_id or None)
