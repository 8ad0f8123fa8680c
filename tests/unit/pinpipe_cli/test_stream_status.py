"""Whether the stream is as wished, and how that is printed."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from include import layout
from include.stream_health import judge
from pinpipe_cli import stream_status as module
from pinpipe_cli.stream import print_stream
from pinpipe_cli.stream_status import stream_status

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = {"paused": False, "version": "v1"}
RUN = {"run_id": 5, "state": "RUNNING", "version": "v1", "page": "http://page"}


def beat(seconds_ago: float = 2, **given: Any) -> dict[str, Any]:
    moment = (NOW - timedelta(seconds=seconds_ago)).isoformat()
    return {"run_id": "5", "state": "running", "beat_at": moment, "error": None, **given}


def test_a_stream_that_runs_as_wished() -> None:
    assert judge("running", JOB, RUN, beat(), "v1", NOW) == ("running", "")
    assert judge("running", JOB, RUN, beat(), None, NOW) == ("running", "")


@pytest.mark.parametrize("job", [None, {**JOB, "paused": True}])
def test_a_stream_that_stands_still_as_wished(job: dict[str, Any] | None) -> None:
    assert judge("stopped", job, None, {}, "v1", NOW) == ("stopped", "")


@pytest.mark.parametrize(
    ("job", "run", "heartbeat", "state", "detail"),
    [
        (None, None, {}, "stopped", "there is no job"),
        ({**JOB, "paused": True}, None, {}, "stopped", "the job is paused"),
        (JOB, None, beat(state="failed", error="no tables"), "stopped", "the last one said: no tables"),
        (JOB, {**RUN, "state": "PENDING"}, {}, "pending", "run 5 is pending"),
        (JOB, RUN, {}, "starting", "run 5 is starting"),
        (JOB, RUN, beat(run_id="4"), "starting", "run 5 is starting"),
        (JOB, RUN, beat(31), "silent", "run 5 is silent"),
        (JOB, RUN, beat(state="stopping"), "stopping", "run 5 is stopping"),
        (JOB, {**RUN, "version": "v0"}, beat(), "running", "run 5 is of version v0, v1 is wanted"),
    ],
)
def test_a_stream_that_should_run_and_does_not(
    job: Any, run: Any, heartbeat: dict[str, Any], state: str, detail: str
) -> None:
    told = judge("running", job, run, heartbeat, "v1", NOW)
    assert told[0] == state
    assert detail in told[1]


def test_a_stream_that_should_stand_still_and_does_not() -> None:
    assert judge("stopped", JOB, RUN, beat(), "v1", NOW) == ("running", "run 5 has not stopped yet")
    assert "begun again" in judge("stopped", JOB, None, {}, "v1", NOW)[1]


def of_heartbeat(monkeypatch: pytest.MonkeyPatch, content: str) -> dict[str, Any]:
    """Return the status where S3 holds a heartbeat and nothing else."""

    def get_object(**wanted: str) -> dict[str, Any]:
        if wanted["Key"] == layout.receipt_key("clean_stream"):
            return {"Body": io.BytesIO(content.encode())}
        raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")

    monkeypatch.setattr(module, "_s3", lambda: SimpleNamespace(get_object=get_object))
    monkeypatch.setattr(module, "_job_and_run", lambda: (JOB, RUN))
    return stream_status()


@pytest.mark.parametrize(
    "content",
    ["", "[]", '"running"']
    + [
        json.dumps(beat(**broken))
        for broken in ({"beat_at": None}, {"beat_at": "soon"}, {"beat_at": "2026-03-01T12:00:00"}, {"lag_ms": "1"})
    ]
    + [json.dumps(beat(lag_ms=lag)) for lag in (float("nan"), float("inf"), 1e300, 10**17)],
)
def test_a_heartbeat_that_is_broken_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    with pytest.raises(LookupError, match=f"{layout.receipt_key('clean_stream')} is broken: "):
        of_heartbeat(monkeypatch, content)


def test_a_heartbeat_that_is_not_is_part_of_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    found = of_heartbeat(monkeypatch, json.dumps(beat(lag_ms=12.5, batch_id=3)))
    assert (found["lag_ms"], found["batch_id"], found["state"]) == (12.5, 3, "silent")


def test_the_status_is_printed_a_line_each() -> None:
    lines: list[str] = []
    found = {
        "wish": "running", "wished_by": "user", "wished_at": "2026-03-01T12:00:00+00:00", "state": "running",
        "as_wished": True, "detail": "", "run": RUN, "versions": {"wanted": "v1", "deployed": "v1", "running": "v1"},
        "progressed_at": "2026-03-01T11:59:58+00:00", "beat_at": None, "batch_id": 4, "lag_ms": 2345, "error": None,
        "rows": {"read": 9, "appended": {"pin": 3, "geo": 3, "user": 2}, "quarantined": 1},
    }  # fmt: skip
    print_stream(found, lines.append)
    assert lines == [
        "wish      running (by user, 2026-03-01T12:00:00+00:00)",
        "state     running",
        "run       5 RUNNING http://page",
        "version   wanted v1, deployed v1, running v1",
        "progress  2026-03-01T11:59:58+00:00, micro-batch 4",
        "lag       2.3 s from arrival to commit",
        "rows      9 read, appended 3 pin, 3 geo, 2 user, 1 quarantined",
    ]


def test_a_stream_that_never_ran_is_printed_too() -> None:
    lines: list[str] = []
    nothing = dict.fromkeys(("run", "progressed_at", "beat_at", "batch_id", "lag_ms", "rows"))
    print_stream(
        {
            **nothing, "wish": "running", "wished_by": "setting stream_wish", "wished_at": None, "state": "stopped",
            "as_wished": False, "detail": "there is no job", "error": "no tables",
            "versions": {"wanted": None, "deployed": None, "running": None},
        },
        lines.append,
    )  # fmt: skip
    assert lines[0] == "wish      running (by setting stream_wish, from the start)"
    assert lines[1] == "state     stopped: there is no job"
    assert lines[-1] == "error     no tables"
