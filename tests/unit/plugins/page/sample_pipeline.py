"""A pipeline made of plain values: receipts in a dict instead of S3, services that answer what they are told to."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from pinpipe_airflow.hooks.receipt import ReceiptHook
from pinpipe_airflow.page.days import Run
from pinpipe_airflow.page.pipeline import Pipeline
from pinpipe_airflow.page.probes import JobSeen, KafkaSeen, KinesisSeen, StreamSeen
from pinpipe_airflow.page.receipt_shelf import ReceiptShelf
from pinpipe_airflow.page.runs import Runs

from include.questions import QUESTION_IDS
from include.settings import settings

HOSTILE = "<script>alert('x')</script>\u202e\"><img src=x onerror=alert(1)>"
PIN_TOPIC = "pinpipe.pin"


class Objects:
    """The part of an S3 client that the page uses, over a dict; it counts what is read."""

    def __init__(self, objects: Mapping[str, Any]) -> None:
        self.objects = {
            key: body if isinstance(body, bytes) else json.dumps(body).encode() for key, body in objects.items()
        }
        self.read: list[str] = []

    def get_object(self, *, Bucket: str, Key: str, IfNoneMatch: str = "") -> dict[str, Any]:  # noqa: N803
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": Key}}, "GetObject")
        if IfNoneMatch == self._etag(Key):
            raise ClientError({"Error": {"Code": "304", "Message": "Not Modified"}}, "GetObject")
        self.read.append(Key)
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": self._etag(Key)}

    def get_paginator(self, operation: str) -> Objects:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str, PaginationConfig: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        for key, body in sorted(self.objects.items()):
            if key.startswith(Prefix):
                entry = {"Key": key, "ETag": self._etag(key), "Size": len(body), "LastModified": datetime.now(UTC)}
                yield {"Contents": [entry]}
        yield {}

    def _etag(self, key: str) -> str:
        return f'"{hashlib.md5(self.objects[key], usedforsecurity=False).hexdigest()}"'


class ObjectsHook(ReceiptHook):
    """The hook as it is, over such a client."""

    def __init__(self, objects: Objects) -> None:
        super().__init__("bucket", aws_conn_id=None)
        self.objects = objects

    def get_conn(self) -> Any:
        return self.objects


class SampleProbes:
    """Services that answer with the values given, or raise them."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        def ask() -> Any:
            answer = self._answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask


def receipt(day: date, read: int = 1200, rules: Mapping[str, int] | None = None, **fields: Any) -> dict[str, Any]:
    """A day's receipt, with the rows that break the rules of data set pin."""
    over = datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC)
    quarantined = sum((rules or {}).values())
    clean = {"read": read, "clean": read - quarantined, "quarantined": quarantined}
    return {
        "day": day.isoformat(),
        "run_id": f"scheduled__{over.isoformat()}__try1",
        "rules_version": "1",
        "started_at": (over + timedelta(minutes=12)).isoformat(),
        "finished_at": (over + timedelta(minutes=14)).isoformat(),
        "data_sets": {"pin": clean, "geo": {"read": read, "clean": read}, "user": {"read": read, "clean": read}},
        "quarantined_by_rule": {"pin": dict(rules or {})},
        "manifest": [{"key": f"topics/{PIN_TOPIC}/dt={day}/a.json", "etag": "gone", "size": 9, "lines": read}],
        **fields,
    }


def answers(finished_at: datetime, samples: Mapping[str, Any] | None = None) -> dict[str, Any]:
    none = {"columns": ["country"], "types": ["string"], "rows": []}
    return {
        "run_id": "answers",
        "started_at": finished_at.isoformat(),
        "finished_at": finished_at.isoformat(),
        "answers": dict.fromkeys(QUESTION_IDS, none),
        "counts": {"serving": {"pin": 36_000, "geo": 36_000, "user": 36_000}},
        "quarantine_samples": samples or {},
    }


def key(day: date) -> str:
    return f"receipts/clean_batch/dt={day}/latest.json"


def full_objects(today: date, days: int = 365) -> dict[str, Any]:
    """Cleaned days up to yesterday: some with quarantined rows, one with late objects, one missing, one broken."""
    found: dict[str, Any] = {"receipts/provision/latest.json": {"finished_at": "2025-01-01T00:00:00+00:00"}}
    for back in range(1, days + 1):
        day = today - timedelta(days=back)
        rules = {"unparsable": 3, "follower_count_unparsable": back} if back % 4 == 1 else None
        found[key(day)] = receipt(day, 1200 + 37 * (back % 9), rules)
    late, missing, broken = (today - timedelta(days=back) for back in (6, 11, 17))
    found[f"topics/{PIN_TOPIC}/dt={late}/late.json"] = b"{}"
    del found[key(missing)]
    found[key(broken)] = b"{"
    ok = {"day": (today - timedelta(days=1)).isoformat(), "key": "17", "characters": 900}
    lots = {**ok, "raw": '{"index": 18, "follower_count": "lots"}'}
    hostile = {**ok, "raw": '{"index": 17, "title":' + HOSTILE}
    samples = {"pin": {"unparsable": [hostile], "follower_count_unparsable": [lots]}}
    found["receipts/run_questions/latest.json"] = answers(datetime.now(UTC), samples)
    return found


def beat(now: datetime, **fields: Any) -> dict[str, Any]:
    return {
        "run_id": "5",
        "state": "running",
        "started_at": (now - timedelta(hours=3)).isoformat(),
        "beat_at": now.isoformat(),
        "progressed_at": (now - timedelta(seconds=2)).isoformat(),
        "lag_ms": 1900,
        "rows": {"read": 9000},
        **fields,
    }


def running(now: datetime, **answered: Any) -> SampleProbes:
    """All services as they are when everything works; ``answered`` says otherwise."""
    return SampleProbes(
        **{
            "kafka": KafkaSeen(1_234_567, 41.5, now - timedelta(seconds=3), 120, 40.2),
            "connector": "RUNNING",
            "kinesis": KinesisSeen({f"pinpipe-{name}": "ACTIVE" for name in ("pin", "geo", "user")}, 3, None),
            "stream": StreamSeen("running", "v1", beat(now), 30.3),
            "job": JobSeen({"paused": False, "version": "v1"}, {"run_id": 5, "state": "RUNNING", "version": "v1"}),
            "api_stage": "prod",
            **answered,
        }
    )


def down() -> SampleProbes:
    """All services when none answers."""
    refused = ConnectionError("Could not connect to the endpoint URL: http://127.0.0.1:4566/")
    return SampleProbes(**dict.fromkeys(("kafka", "connector", "kinesis", "stream", "job", "api_stage"), refused))


def sample_runs(now: datetime) -> Runs:
    """Runs of every DAG; that of one day has failed, and one is at work."""
    today = now.date()
    of = {}
    for back in range(1, 31):
        day, ended = today - timedelta(days=back), today - timedelta(days=back - 1)
        state = {11: "failed", 3: "running"}.get(back, "success")
        of[day] = Run("clean_batch", f"scheduled__{ended}T00:00:00+00:00", state, now - timedelta(days=back), None, day)
    posted = {"posts": 500, "requests": 12, "started_at": (now - timedelta(seconds=95)).isoformat(),
              "finished_at": (now - timedelta(seconds=60)).isoformat()}  # fmt: skip
    return Runs(
        by_day=of,
        last={"emulate_batch": Run("emulate_batch", "manual__1", "success", now - timedelta(minutes=3))},
        last_success={"emulate_batch": now - timedelta(minutes=1)},
        posted={"emulate_batch": posted},
    )


def sample_pipeline(objects: Mapping[str, Any], probes: Any, runs: Runs | None = None) -> Pipeline:
    found = runs or Runs()
    shelf = ReceiptShelf(ObjectsHook(Objects(objects)))
    return Pipeline(settings(), shelf, probes, lambda *_: found, lambda day, _: found.by_day.get(day))


def states(now: datetime) -> dict[str, Pipeline]:
    """The page's states: full, with 365 days; partial, on the first days; empty; and with nothing that answers."""
    today = now.date()
    few = {
        key(today - timedelta(days=back)): receipt(today - timedelta(days=back), 90, {"unparsable": 2})
        for back in (1, 2)
    }
    provisioned = {"receipts/provision/latest.json": {"finished_at": "2025-01-01T00:00:00+00:00"}}
    stopped = {"stream": StreamSeen("stopped", None, {}), "job": JobSeen({"paused": True, "version": "v1"}, None)}
    missing = dict.fromkeys(("pinpipe-pin", "pinpipe-geo", "pinpipe-user"))
    nothing = {**stopped, "job": JobSeen(None, None), "connector": "MISSING", "api_stage": None}
    nothing |= {
        "kinesis": KinesisSeen(missing, 0, None),
        "kafka": ValueError("topic 'pinpipe.pin' cannot be described"),
    }
    broken = sample_pipeline(full_objects(today, 12), down(), None)
    return {
        "full": sample_pipeline(full_objects(today), running(now), sample_runs(now)),
        "partial": sample_pipeline({**provisioned, **few}, running(now, **stopped)),
        "empty": sample_pipeline({}, running(now, **nothing)),
        "broken": broken,
    }
