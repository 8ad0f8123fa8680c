"""``python -m local.kafka``: prepares the storage, then becomes the broker."""

from __future__ import annotations

import os

from local.home import home
from local.kafka.java import BROKER_HEAP, java_command
from local.kafka.storage import prepare


def main() -> None:
    """Format the storage and replace this process by the broker, so that signals reach it."""
    state = home() / "kafka"
    properties = prepare(state)
    # Out of memory is no state to serve from: the supervisor starts the broker anew.
    command = java_command("kafka.Kafka", f"{BROKER_HEAP} -XX:+ExitOnOutOfMemoryError")
    os.chdir(state)
    os.execv(command[0], [*command, str(properties)])  # noqa: S606 - no shell wanted


main()
