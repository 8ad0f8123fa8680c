"""Names of what the pipeline has on MSK Connect.

Custom plugins and worker configurations cannot be changed, so a part of their names stands for their content: another
content is another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.settings import Settings

HASH = "[0-9a-f]{12}"


def plugin_prefix(pipeline_id: str) -> str:
    """Return how the names of the custom plugins begin; :data:`HASH` follows."""
    return f"{pipeline_id}-s3-sink-plugin-"


def worker_prefix(pipeline_id: str) -> str:
    """Return how the names of the worker configurations begin; :data:`HASH` follows."""
    return f"{pipeline_id}-connect-worker-"


def log_group(pipeline_id: str, connector: str) -> str:
    """Return the log group of a connector."""
    return f"/pinpipe/{pipeline_id}/connect/{connector}"


def log_groups(wanted: Settings) -> list[str]:
    """Return the log groups of the pipeline's connectors."""
    return [
        log_group(wanted.pipeline_id, connector) for connector in (wanted.sink_connector, wanted.dead_letter_connector)
    ]


def given(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the parts of a list, or of a text with commas between, without empty ones."""
    parts = value.split(",") if isinstance(value, str) else value or ()
    return tuple(part.strip() for part in parts if part.strip())
