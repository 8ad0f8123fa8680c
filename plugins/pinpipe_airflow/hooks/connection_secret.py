"""Secrets of AWS Secrets Manager that hold Airflow connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pinpipe_airflow import aws_tags
from pinpipe_airflow.hooks.patient_aws import PatientAwsHook


@dataclass(frozen=True)
class Secret:
    """A secret without what it holds.

    :param removed: whether it is scheduled for deletion.
    """

    name: str
    removed: bool
    tags: Mapping[str, str]


class ConnectionSecretHook(PatientAwsHook):
    """Reads, makes, changes and removes secrets.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "secretsmanager"

    def describe(self, name: str) -> Secret | None:
        """Return a secret without what it holds, ``None`` when there is none of this name."""
        try:
            found = self.client.describe_secret(SecretId=name)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        tags = aws_tags.to_dict(found.get("Tags", []))
        return Secret(name, removed=found.get("DeletedDate") is not None, tags=tags)

    def text(self, name: str) -> str | None:
        """Return what a secret holds, ``None`` when it holds nothing yet.

        :raises ValueError: when it holds bytes.
        """
        try:
            found = self.client.get_secret_value(SecretId=name)
        except self.client.exceptions.ResourceNotFoundException:
            return None
        if "SecretBinary" in found:
            raise ValueError(f"secret {name!r} holds bytes, and a connection is text: delete it, then run this again")
        text: str | None = found.get("SecretString")
        return text

    def create(self, name: str, text: str, *, description: str, tags: Mapping[str, str]) -> bool:
        """Create a secret; return ``False`` when it is there already, whatever it holds."""
        given = aws_tags.to_list(tags)
        try:
            self.client.create_secret(Name=name, SecretString=text, Description=description, Tags=given)
        except self.client.exceptions.ResourceExistsException:
            return False
        return True

    def put(self, name: str, text: str) -> None:
        """Have a secret hold ``text``; what it held before stays as its version AWSPREVIOUS."""
        self.client.put_secret_value(SecretId=name, SecretString=text)

    def restore(self, name: str) -> None:
        """Take the removal of a secret back."""
        self.client.restore_secret(SecretId=name)

    def remove(self, name: str, recovery_days: int) -> None:
        """Remove a secret, which can be restored for so many days."""
        self.client.delete_secret(SecretId=name, RecoveryWindowInDays=recovery_days)
