"""What an MSK connector is to be like, and in what one that exists differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# An autoscaled connector gets a worker more above the one and a worker less below the other, in per cent of CPU: what
# AWS sets by default.
SCALE_OUT_ABOVE, SCALE_IN_BELOW = 80, 20
# MSK Connect sets it itself for an autoscaled connector.
_TASKS = "tasks.max"


@dataclass(frozen=True)
class Capacity:
    """Workers of a connector.

    :param mcus: units of each worker.
    :param workers: workers, at least.
    :param max_workers: workers at most; where it is not more than ``workers`` their number is fixed.
    """

    mcus: int
    workers: int
    max_workers: int

    @property
    def autoscaled(self) -> bool:
        """Whether MSK Connect adds and removes workers."""
        return self.max_workers > self.workers

    def request(self) -> dict[str, Any]:
        """Return it as MSK Connect is asked for it."""
        if not self.autoscaled:
            return {"provisionedCapacity": {"mcuCount": self.mcus, "workerCount": self.workers}}
        scaling = {
            "mcuCount": self.mcus,
            "minWorkerCount": self.workers,
            "maxWorkerCount": self.max_workers,
            "scaleInPolicy": {"cpuUtilizationPercentage": SCALE_IN_BELOW},
            "scaleOutPolicy": {"cpuUtilizationPercentage": SCALE_OUT_ABOVE},
        }
        return {"autoScaling": scaling}

    def describes(self, described: Mapping[str, Any]) -> bool:
        """Return whether a connector's described capacity is this one."""
        (kind, wanted), *_ = self.request().items()
        found = described.get(kind) or {}
        return all(found.get(name) == value for name, value in wanted.items())

    def __str__(self) -> str:
        workers = f"{self.workers} to {self.max_workers}" if self.autoscaled else str(self.workers)
        return f"{workers} workers of {self.mcus} MCU"


@dataclass(frozen=True)
class Differences:
    """In what a connector differs, names alone: a value may be a credential.

    :param fixed: what AWS lets nobody change: the connector is deleted and made anew.
    :param capacity: whether its capacity does.
    :param config: keys of its configuration.
    """

    fixed: tuple[str, ...] = ()
    capacity: bool = False
    config: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fixed or self.capacity or self.config)


@dataclass(frozen=True)
class ConnectorSpec:
    """An MSK connector as it is to be.

    :param name: its name.
    :param config: its configuration.
    :param bootstrap_servers: brokers with ports, of the listener for IAM.
    :param subnets: subnets of its workers.
    :param security_groups: security groups of its workers.
    :param role_arn: service execution role.
    :param version: version of Kafka Connect.
    :param plugin: ARN and revision of the custom plugin.
    :param worker: ARN and revision of the worker configuration.
    :param log_group: log group of its workers.
    """

    name: str
    config: Mapping[str, str]
    capacity: Capacity
    bootstrap_servers: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    role_arn: str
    version: str
    plugin: tuple[str, int]
    worker: tuple[str, int]
    log_group: str

    def request(self, tags: Mapping[str, str]) -> dict[str, Any]:
        """Return what ``CreateConnector`` is called with."""
        vpc = {"subnets": list(self.subnets), "securityGroups": list(self.security_groups)}
        return {
            "connectorName": self.name,
            "connectorConfiguration": dict(self.config),
            "capacity": self.capacity.request(),
            "kafkaCluster": {"apacheKafkaCluster": {"bootstrapServers": self.bootstrap_servers, "vpc": vpc}},
            "kafkaClusterClientAuthentication": {"authenticationType": "IAM"},
            "kafkaClusterEncryptionInTransit": {"encryptionType": "TLS"},
            "kafkaConnectVersion": self.version,
            "plugins": [{"customPlugin": {"customPluginArn": self.plugin[0], "revision": self.plugin[1]}}],
            "workerConfiguration": {"workerConfigurationArn": self.worker[0], "revision": self.worker[1]},
            "serviceExecutionRoleArn": self.role_arn,
            "logDelivery": {"workerLogDelivery": {"cloudWatchLogs": {"enabled": True, "logGroup": self.log_group}}},
            "tags": dict(tags),
        }

    def differences(self, described: Mapping[str, Any]) -> Differences:
        """Return in what a described connector differs."""
        found = described["connectorConfiguration"]
        keys = {key for key in found.keys() | self.config.keys() if found.get(key) != self.config.get(key)}
        if self.capacity.autoscaled:
            keys.discard(_TASKS)
        fixed = [name for name, same in self._fixed(described).items() if not same]
        if "connector.class" in keys:
            fixed.append("connector.class")
        return Differences(tuple(fixed), not self.capacity.describes(described["capacity"]), tuple(sorted(keys)))

    def update(self) -> dict[str, str]:
        """Return the configuration that ``UpdateConnector`` is called with, all of it."""
        return dict(self.config)

    def _fixed(self, described: Mapping[str, Any]) -> dict[str, bool]:
        cluster = described["kafkaCluster"]["apacheKafkaCluster"]
        plugins = [
            (plugin["customPlugin"]["customPluginArn"], plugin["customPlugin"]["revision"])
            for plugin in described["plugins"]
        ]
        worker = described.get("workerConfiguration") or {}
        logs = described.get("logDelivery", {}).get("workerLogDelivery", {}).get("cloudWatchLogs", {})
        return {
            # AWS tells the brokers in any order, and not always all: by any of them the connector finds the others.
            "brokers": not _set(cluster["bootstrapServers"]).isdisjoint(_set(self.bootstrap_servers)),
            "subnets": set(cluster["vpc"]["subnets"]) == set(self.subnets),
            "security groups": set(cluster["vpc"].get("securityGroups") or ()) == set(self.security_groups),
            "authentication": described["kafkaClusterClientAuthentication"]["authenticationType"] == "IAM",
            "encryption": described["kafkaClusterEncryptionInTransit"]["encryptionType"] == "TLS",
            "role": described["serviceExecutionRoleArn"] == self.role_arn,
            "version": described["kafkaConnectVersion"] == self.version,
            "plugin": plugins == [self.plugin],
            "worker configuration": (worker.get("workerConfigurationArn"), worker.get("revision")) == self.worker,
            "log group": bool(logs.get("enabled")) and logs.get("logGroup") == self.log_group,
        }


def _set(comma_separated: str) -> set[str]:
    return {part.strip() for part in comma_separated.split(",")}
