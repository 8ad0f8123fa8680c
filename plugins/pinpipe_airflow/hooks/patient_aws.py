"""Clients of AWS that wait for no answer without end, and try again what AWS had no room for."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from botocore.config import Config

# Most limits are per account and second: a moment later is early enough.
_PATIENT = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5})


class PatientAwsHook(AwsBaseHook):
    """An AWS hook whose every call has a timeout; what the connection says goes before.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service: ClassVar[str]
    """The service that it talks to, as boto3 calls it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": self.service})

    @property
    def config(self) -> Config:
        """The client's configuration."""
        return _PATIENT.merge(super().config)

    @property
    def client(self) -> Any:
        """The boto3 client."""
        return self.conn
