"""The status as Prometheus reads it."""

from __future__ import annotations

import re
from typing import Any

from pinpipe_cli.prometheus_text import prometheus_text

FOUND: dict[str, Any] = {
    "healthy": False,
    "services": {"kafka": {"healthy": True}, "gateway": {"healthy": False}},
    "dags": {
        "clean_batch": {
            "paused": False,
            "last_run": {"state": "success", "end": "2026-03-01T00:12:30Z"},
            "next_run": "2026-03-02T00:00:00Z",
        },
        "provision": {"paused": True, "last_run": None, "next_run": None},
    },
    "import_errors": [],
    "stream": {"as_wished": True, "wish": "running", "lag_ms": 2345, "beat_at": "2026-03-01T12:00:00+00:00"},
    "freshness": {"day": "2026-02-28", "quarantined_share": 0.015},
    "disk": {"free_bytes": 5 * 1024**3},
    "unknown": {},
}
UNKNOWN = {**FOUND, "dags": None, "import_errors": None, "stream": None, "freshness": None}
LABEL = r'[a-z]+="(?:[^"\\\n]|\\["\\n])*"'
LINE = re.compile(rf"[a-z_]+(?:\{{{LABEL}(?:,{LABEL})*\}})? \S+")


def samples(text: str) -> dict[str, float]:
    """Read samples as Prometheus does; every line is a comment or a sample, and ends with a line break."""
    assert text.endswith("\n")
    lines = [line for line in text.split("\n")[:-1] if not line.startswith("# ")]
    assert all(LINE.fullmatch(line) for line in lines), lines
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_services_dags_stream_and_days_are_samples() -> None:
    found = samples(prometheus_text(FOUND))
    assert found['pinpipe_service_up{service="kafka"}'] == 1
    assert found['pinpipe_service_up{service="gateway"}'] == 0
    assert found['pinpipe_dag_last_run_state{dag="clean_batch",state="success"}'] == 1
    assert found['pinpipe_dag_last_run_state{dag="clean_batch",state="failed"}'] == 0
    assert found['pinpipe_dag_last_run_end_timestamp_seconds{dag="clean_batch"}'] == 1772323950
    assert found['pinpipe_dag_paused{dag="provision"}'] == 1
    assert found["pinpipe_stream_lag_seconds"] == 2.345
    assert found["pinpipe_newest_cleaned_day_timestamp_seconds"] == 1772236800
    assert found["pinpipe_newest_cleaned_day_quarantined_ratio"] == 0.015
    assert (found["pinpipe_healthy"], found["pinpipe_dag_import_errors"]) == (0, 0)
    assert found["pinpipe_disk_free_bytes"] == 5368709120


def test_what_is_not_known_has_no_sample_and_is_told_to_be_unknown() -> None:
    text = prometheus_text({**UNKNOWN, "unknown": {"dags": "down", "stream": "down", "freshness": "down"}})
    found = samples(text)
    assert {name for name in found if "part_known" in name} == {
        f'pinpipe_part_known{{part="{part}"}}' for part in ("dags", "stream", "freshness")
    }
    assert not [name for name in found if "dag" in name.partition("{")[0] or "lag" in name or "cleaned" in name]
    assert "pinpipe_stream" not in text


def test_a_dag_that_never_ran_has_no_last_run() -> None:
    assert not [name for name in samples(prometheus_text(FOUND)) if "last_run" in name and "provision" in name]


def test_every_metric_is_described_once_and_has_a_type_before_its_samples() -> None:
    text = prometheus_text(FOUND)
    described = re.findall(r"^# HELP (\w+) .+\n# TYPE (\w+) gauge\n(\w+)", text, re.MULTILINE)
    assert all(first == second == third for first, second, third in described)
    names = {name.partition("{")[0] for name in samples(text)}
    assert [first for first, _, _ in described] == sorted({*names}, key=text.index)


def test_what_could_break_a_line_is_escaped() -> None:
    text = prometheus_text({**FOUND, "services": {'a"b\\c\nd': {"healthy": True}}})
    assert 'pinpipe_service_up{service="a\\"b\\\\c\\nd"} 1' in text
    samples(text)
