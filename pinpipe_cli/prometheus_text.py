"""The status as numbers, in the text format that Prometheus and node_exporter's textfile collector read.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

_RUN_STATES = ("queued", "running", "success", "failed")

type Sample = tuple[dict[str, str], float | None]


def prometheus_text(found: Mapping[str, Any]) -> str:
    """Return a status as samples, all of them gauges; what is not known has none.

    :param found: as :func:`pinpipe_cli.status.status` returns it.
    """
    dags: Mapping[str, Any] = found["dags"] or {}
    runs = {name: dag["last_run"] for name, dag in dags.items() if dag["last_run"]}
    stream, fresh = found["stream"] or {}, found["freshness"] or {}
    lag_ms = stream.get("lag_ms")
    families: list[tuple[str, str, Iterable[Sample]]] = [
        ("healthy", "Whether `pinpipe status` ends with 0.", [({}, found["healthy"])]),
        (
            "part_known",
            "Whether a part of the status could be asked.",
            [({"part": part}, part not in found["unknown"]) for part in ("dags", "stream", "freshness")],
        ),
        (
            "service_up",
            "Whether a service is healthy.",
            [({"service": name}, service["healthy"]) for name, service in found["services"].items()],
        ),
        ("disk_free_bytes", "Free bytes where the state folder is.", [({}, (found["disk"] or {}).get("free_bytes"))]),
        ("dag_import_errors", "DAG files that cannot be read.", [({}, _count(found["import_errors"]))]),
        ("dag_paused", "Whether a DAG is paused.", [({"dag": name}, dag["paused"]) for name, dag in dags.items()]),
        (
            "dag_last_run_state",
            "1 for the state of a DAG's last run, 0 for the others.",
            [({"dag": name, "state": is_}, run["state"] == is_) for name, run in runs.items() for is_ in _RUN_STATES],
        ),
        (
            "dag_last_run_end_timestamp_seconds",
            "When a DAG's last run ended.",
            [({"dag": name}, _seconds(run["end"])) for name, run in runs.items()],
        ),
        (
            "dag_next_run_timestamp_seconds",
            "When a DAG's next scheduled run is due.",
            [({"dag": name}, _seconds(dag["next_run"])) for name, dag in dags.items()],
        ),
        ("stream_as_wished", "Whether the stream is as wished.", [({}, stream.get("as_wished"))]),
        ("stream_wished_running", "Whether the stream is to run.", [({}, _is(stream.get("wish"), "running"))]),
        (
            "stream_lag_seconds",
            "From arrival of the newest record that the stream has processed to its commit.",
            [({}, None if lag_ms is None else lag_ms / 1000)],
        ),
        (
            "stream_heartbeat_timestamp_seconds",
            "When the streaming job gave its last sign of life.",
            [({}, _seconds(stream.get("beat_at")))],
        ),
        (
            "newest_cleaned_day_timestamp_seconds",
            "Midnight (UTC) at which the newest cleaned day began.",
            [({}, _seconds(fresh.get("day")))],
        ),
        (
            "newest_cleaned_day_quarantined_ratio",
            "Quarantined rows of the newest cleaned day as a share of those read.",
            [({}, fresh.get("quarantined_share"))],
        ),
    ]
    return "".join(_family(f"pinpipe_{name}", text, samples) for name, text, samples in families)


def _family(name: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"{name}{_labels(labels)} {float(value):.16g}\n" for labels, value in samples if value is not None]
    return f"# HELP {name} {text}\n# TYPE {name} gauge\n" + "".join(lines) if lines else ""


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _count(found: list[Any] | None) -> int | None:
    return None if found is None else len(found)


def _is(value: str | None, wanted: str) -> bool | None:
    return None if value is None else value == wanted


def _seconds(moment: str | None) -> float | None:
    if not moment:
        return None
    parsed = datetime.fromisoformat(moment)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
