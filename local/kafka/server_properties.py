"""The broker's ``server.properties``."""

from __future__ import annotations

from pathlib import Path

MESSAGE_MAX_BYTES = 2 * 1024 * 1024
TIMESTAMP_AFTER_MAX_MS = 3_600_000  # Kafka's default


def server_properties(*, host: str, broker_port: int, controller_port: int, log_dir: Path) -> str:
    """Return the text of ``server.properties`` for a single node that is broker and controller.

    :param host: the one interface that both listeners bind and advertise.
    :param broker_port: port for clients.
    :param controller_port: port of the KRaft controller.
    :param log_dir: folder of the partitions' logs and of the metadata log.
    """
    properties = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://{host}:{broker_port},CONTROLLER://{host}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{broker_port},CONTROLLER://{host}:{controller_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.bootstrap.servers": f"{host}:{controller_port}",
        "log.dirs": log_dir,
        # Topics are declared and provisioned; a misspelt one must fail.
        "auto.create.topics.enable": "false",
        # One node: nothing can be replicated.
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        "message.max.bytes": MESSAGE_MAX_BYTES,
        "replica.fetch.max.bytes": MESSAGE_MAX_BYTES,
        # The past may be replayed without limit; more than an hour ahead is a wrong clock.
        "log.message.timestamp.before.max.ms": 2**63 - 1,
        "log.message.timestamp.after.max.ms": TIMESTAMP_AFTER_MAX_MS,
        # Retention is each topic's own setting; without one nothing is deleted.
        "log.retention.ms": -1,
        # The default week would forget a sink's offsets while a laptop's world is down.
        "offsets.retention.minutes": 2**31 - 1,
        "group.initial.rebalance.delay.ms": 0,
        # After a kill the node waits until its own former registration has expired.
        "broker.session.timeout.ms": 5_000,
        "broker.heartbeat.interval.ms": 1_000,
        # A heap of at most 512 MB: the default of 128 MB for compaction is too much of it.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.recovery.threads.per.data.dir": 2,
    }
    return "".join(f"{key}={value}\n" for key, value in properties.items())
