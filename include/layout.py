"""Names of topics, objects and tables: each stands here once."""

from __future__ import annotations

RAW_ROOT = "topics"
RECEIPT_ROOT = "receipts"
REPORT_ROOT = "reports"
CONTROL_ROOT = "control"
CHECKPOINT_ROOT = "checkpoints"
BATCH_TABLES = ("quarantine", "pin", "geo", "user", "metrics")  # in the order a day is committed
LAYERS = ("batch", "speed")
SERVING = "serving"
ANSWERS = "answers"
ARTIFACTS = "artifacts"  # schema of the volume that holds the jobs' wheel
MANAGED_ROOT = "managed"  # what Unity Catalog itself keeps in the bucket: that volume's files


def topic(pipeline_id: str, dataset: str) -> str:
    """Return the Kafka topic of a data set, ``<id>.pin``."""
    return f"{pipeline_id}.{dataset}"


def dead_letter_topic(pipeline_id: str) -> str:
    """Return the topic that takes what the sink could not read as a JSON object."""
    return f"{pipeline_id}.dead_letter"


def stream(pipeline_id: str, dataset: str) -> str:
    """Return the Kinesis stream of a data set, ``<id>-pin``."""
    return f"{pipeline_id}-{dataset}"


def raw_prefix(topic_name: str, day: str) -> str:
    """Return the key prefix of a topic's raw objects of a day (``YYYY-MM-DD``, UTC)."""
    return f"{RAW_ROOT}/{topic_name}/dt={day}/"


def receipt_key(job: str, day: str | None = None) -> str:
    """Return the key of a job's newest receipt, of ``day`` where the job works by day."""
    return f"{RECEIPT_ROOT}/{job}/dt={day}/latest.json" if day else f"{RECEIPT_ROOT}/{job}/latest.json"


def table_path(lake: str, layer: str, name: str) -> str:
    """Return the location of a Delta table."""
    return f"{lake.rstrip('/')}/{layer}/{name}"


def control_key(name: str) -> str:
    """Return the key of a small object by which a job is told what is wanted of it, ``control/stream.json``."""
    return f"{CONTROL_ROOT}/{name}.json"


def checkpoint_prefix(job: str) -> str:
    """Return the key prefix of a streaming job's checkpoints."""
    return f"{CHECKPOINT_ROOT}/{job}/"
