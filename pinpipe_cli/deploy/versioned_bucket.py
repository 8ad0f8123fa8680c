"""The bucket of an MWAA environment: objects with versions, known by the hash of their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pinpipe_cli.deploy.deployed_state import Wanted
from pinpipe_cli.deploy.errors import DeploymentError

_HASH = "sha256"
_MALFORMED = 400  # such an id of a version there cannot be
_GONE = ("404", "NoSuchKey", "NoSuchVersion")


@dataclass(frozen=True)
class Stored:
    """A version of an object.

    :param version: its id.
    :param sha256: hash of its content.
    """

    version: str
    sha256: str


class VersionedBucket:
    """A bucket whose objects keep their versions.

    :param client: of S3.
    :param name: the bucket's.
    """

    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    def require_versions(self) -> None:
        """See that the bucket keeps versions: MWAA is told of files by version.

        :raises DeploymentError: when it does not.
        """
        status = self.client.get_bucket_versioning(Bucket=self.name).get("Status", "never enabled")
        if status != "Enabled":
            raise DeploymentError(
                f"versioning of the bucket {self.name} is {status}, and MWAA needs it: aws s3api put-bucket-versioning "
                f"--bucket {self.name} --versioning-configuration Status=Enabled"
            )

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, in their order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return sorted(found["Key"] for page in pages for found in page.get("Contents", []))

    def stored(self, key: str, version: str | None = None) -> Stored | None:
        """Return a version of an object, ``None`` where it is not there.

        :param version: its id; ``None`` for the newest.
        """
        which = {"Bucket": self.name, "Key": key, **({"VersionId": version} if version else {})}
        try:
            head = self.client.head_object(**which)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE or (version and _status(error) == _MALFORMED):
                return None
            raise
        told = head.get("Metadata", {}).get(_HASH)
        # What somebody else has stored does not tell.
        return Stored(head["VersionId"], told or _sha256(self.client.get_object(**which)["Body"].read()))

    def read(self, key: str, version: str | None = None) -> bytes:
        """Return an object's content.

        :raises DeploymentError: when it is not there.
        """
        which = {"Bucket": self.name, "Key": key, **({"VersionId": version} if version else {})}
        try:
            return bytes(self.client.get_object(**which)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] not in _GONE:
                raise
            of_version = f" of version {version}" if version else ""
            raise DeploymentError(f"s3://{self.name}/{key}{of_version} is not there any more") from error

    def put(self, wanted: Wanted) -> str:
        """Store an object and return the id of its version."""
        answer = self.client.put_object(
            Bucket=self.name, Key=wanted.key, Body=wanted.read(), Metadata={_HASH: wanted.sha256}
        )
        return str(answer["VersionId"])

    def delete(self, key: str) -> None:
        """Remove an object; its versions stay."""
        self.client.delete_object(Bucket=self.name, Key=key)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
