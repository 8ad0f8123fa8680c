"""What the hooks of MSK Connect's resources have in common."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from pinpipe_airflow.hooks.patient_aws import PatientAwsHook


@dataclass(frozen=True)
class ConnectorPart:
    """What a connector is made of: a custom plugin or a worker configuration.

    :param state: as MSK Connect calls it, ``ACTIVE`` where it can be used.
    :param revision: its latest revision; there is one, as AWS has no call that makes another.
    """

    name: str
    arn: str
    state: str
    revision: int


class MskConnectHook(PatientAwsHook):
    """Talks to MSK Connect; takes what the provider's ``AwsBaseHook`` takes."""

    service = "kafkaconnect"


class ConnectorPartHook(MskConnectHook):
    """Finds and deletes resources of one kind that connectors are made of."""

    @abstractmethod
    def beginning_with(self, prefix: str) -> Iterator[ConnectorPart]:
        """Yield those whose name begins so."""

    @abstractmethod
    def delete(self, arn: str) -> None:
        """Begin to delete one; one that is gone meanwhile is left at that."""

    def find(self, name: str) -> ConnectorPart | None:
        """Return the one of this name, ``None`` when there is none."""
        return next((part for part in self.beginning_with(name) if part.name == name), None)

    def matching(self, prefix: str, rest: str) -> list[ConnectorPart]:
        """Return those whose name is ``prefix`` and then what the pattern ``rest`` matches, but for such that go."""
        pattern = re.compile(re.escape(prefix) + rest)
        found = (part for part in self.beginning_with(prefix) if pattern.fullmatch(part.name))
        return [part for part in found if part.state != "DELETING"]
