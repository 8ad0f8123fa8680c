"""What MSK Serverless takes of topics.

Sources: https://docs.aws.amazon.com/msk/latest/developerguide/serverless-config.html and, for the number of
partitions, https://docs.aws.amazon.com/msk/latest/developerguide/limits.html#serverless-quota
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REPLICATION = 3
BROKERS_DEFAULT = -1
MOST_PARTITIONS = 2_400
LONGEST_MESSAGE = 8 * 1024**2
CONFIGS = frozenset(
    {
        "cleanup.policy",
        "compression.type",
        "max.message.bytes",
        "message.timestamp.difference.max.ms",
        "message.timestamp.type",
        "retention.bytes",
        "retention.ms",
    }
)


def refuse_topics(*, partitions: int, replication: int, configs: Mapping[str, Any]) -> None:
    """See that MSK Serverless can have topics as they are wanted.

    :param partitions: of all topics together.
    :param replication: replicas of each partition; -1 leaves it to the brokers.
    :param configs: topic configs by name.
    :raises ValueError: names what it does not take, the value and the way out.
    """
    if replication not in (REPLICATION, BROKERS_DEFAULT):
        raise ValueError(
            f"topic_replication is {replication}, and MSK Serverless keeps {REPLICATION} replicas of each partition: "
            f"set topic_replication to {BROKERS_DEFAULT} or {REPLICATION}"
        )
    if partitions > MOST_PARTITIONS:
        raise ValueError(
            f"the topics have {partitions} partitions together, and MSK Serverless takes {MOST_PARTITIONS}: "
            "set topic_partitions to less, or ask AWS for a higher quota and give the ARN of a provisioned cluster "
            "meanwhile"
        )
    unknown = sorted(set(configs) - CONFIGS)
    if unknown:
        raise ValueError(
            f"the topic configs {', '.join(unknown)} cannot be set on MSK Serverless: leave them out, or use a "
            f"provisioned cluster; it takes {', '.join(sorted(CONFIGS))}"
        )
    longest = int(configs.get("max.message.bytes", 0))
    if longest > LONGEST_MESSAGE:
        raise ValueError(f"max.message.bytes is {longest}, and MSK Serverless takes {LONGEST_MESSAGE}: set it to less")
