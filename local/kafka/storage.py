"""The broker's state: its cluster id, its configuration and formatted storage."""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from pathlib import Path

from local.kafka.java import FORMAT_HEAP, java_command
from local.kafka.server_properties import server_properties
from local.ports import HOST, port

FORMAT_TIMEOUT_S = 120


def prepare(state: Path) -> Path:
    """Write ``server.properties`` and format the storage; a formatted one stays as it is.

    :param state: the broker's state folder.
    :returns: path of ``server.properties``.
    :raises RuntimeError: when Kafka's storage tool refuses, with its own words.
    """
    state.mkdir(parents=True, exist_ok=True)
    properties = state / "server.properties"
    write_atomically(
        properties,
        server_properties(
            host=HOST,
            broker_port=port("kafka"),
            controller_port=port("kafka_controller"),
            log_dir=state / "data",
        ),
    )
    command = java_command("kafka.tools.StorageTool", FORMAT_HEAP)
    command += ["format", "--standalone", "--ignore-formatted"]
    command += ["--cluster-id", cluster_id(state), "--config", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(
            f"Kafka's storage in {state} could not be formatted (exit {done.returncode}): "
            f"{(done.stdout + done.stderr).strip()}; 'pinpipe reset' forgets it"
        )
    return properties


def cluster_id(state: Path) -> str:
    """Return the cluster's id, made at the first start and kept in ``state``."""
    file = state / "cluster.id"
    if not file.exists():
        # Kafka's Uuid text; one that begins with a dash would read as an option.
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode("ascii")
        write_atomically(file, text.replace("-", "A", 1) if text.startswith("-") else text)
    return file.read_text(encoding="utf-8").strip()


def write_atomically(file: Path, text: str) -> None:
    """Replace ``file`` so that a reader, also after a crash, sees the old or the new text, never a part."""
    part = file.with_name(f"{file.name}.part")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
