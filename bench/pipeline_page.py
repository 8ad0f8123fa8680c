"""How long the page *Pipeline* takes with 365 cleaned days in S3 and no other service that answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from bench.figure import Figure, Want
from bench.history_lake import Lake
from bench.plan import ROOT, Plan
from include import layout
from include.schema import DATASETS
from include.settings import settings

DAYS = 365
RAW_OBJECTS = 200  # of each day: what a receipt's manifest names
WANTED = Want("<", 1.0)
_TIMEOUT_S = 120


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield how long the first page of a process takes, and the next one."""
    days = 40 if plan.quick else DAYS
    with Lake(plan.folder / "pipeline_page", posts=1):
        s3 = boto3.client("s3", region_name=settings().region)
        for back in range(1, days + 1):
            day = (datetime.now(UTC) - timedelta(days=back)).date().isoformat()
            body = json.dumps(_receipt(day)).encode()
            s3.put_object(Bucket=settings().bucket, Key=layout.receipt_key("clean_batch", day), Body=body)
        found = _pages(plan)
    for name, metric in (("first", "first page of a process"), ("next", "next page")):
        yield Figure("pipeline_page", f"{days} cleaned days", metric, found[name], "s", WANTED, found)


def _receipt(day: str) -> dict[str, Any]:
    rows = {"read": 10_000, "clean": 9_990, "quarantined": 10}
    manifest = [
        {"key": f"{layout.raw_prefix('bench.pin', day)}{number}.json", "etag": f"{number:032x}", "size": 1, "lines": 50}
        for number in range(RAW_OBJECTS)
    ]
    return {
        "day": day,
        "run_id": f"bench__{day}__try1",
        "finished_at": f"{day}T23:59:59+00:00",
        "data_sets": dict.fromkeys(DATASETS, rows),
        "quarantined_by_rule": {name: {"unparsable": 10} for name in DATASETS},
        "manifest": manifest,
    }


def _pages(plan: Plan) -> dict[str, Any]:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'plugins'}",
        "AIRFLOW_HOME": str(plan.folder / "pipeline_page_airflow"),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps({"conn_type": "aws"}),
    }
    command = [sys.executable, "-m", "bench.pipeline_page_once"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
