"""A day of 1,500 records from its trigger to its commit, and where the time goes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median_low
from typing import Any

import requests

from bench import services
from bench.figure import Figure, Want
from bench.plan import Plan
from local import ports, secret_store
from pinpipe_cli.airflow_api import AirflowApi
from pinpipe_cli.runs import follow_triggered_run, run_dag

WANTED = Want("<", 60)
POSTS = 500  # of three records each
_FIRST_DAY = date(2023, 1, 1)
_LOG_LINE = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \w+ \S+: day \S+: (.*)", re.MULTILINE)
_TIMEOUT_S = 30


@dataclass(frozen=True)
class Moments:
    """When what happened while a day was cleaned, in order.

    :param trigger: when the run was asked for.
    :param steps: name of a step and when it ended.
    """

    trigger: datetime
    steps: tuple[tuple[str, datetime], ...]

    def seconds_until(self, step: str) -> float:
        """Return the seconds from the trigger to the end of a step."""
        return (dict(self.steps)[step] - self.trigger).total_seconds()

    def breakdown(self) -> dict[str, float]:
        """Return the seconds that each step took after the one before it."""
        begins = [self.trigger, *(moment for _, moment in self.steps)]
        ends = zip(self.steps, begins, strict=False)
        return {step: round((moment - began).total_seconds(), 2) for (step, moment), began in ends}


COMMITTED = "Spark: receipt"
ENDED = "Airflow: run ended"
REPORTED = "analytics: report written"


def measure(plan: Plan) -> Iterator[Figure]:
    """Yield the median day's seconds to its commit, to the end of its run and to the report that shows it."""
    days = [_FIRST_DAY + timedelta(days=number) for number in range(1 if plan.quick else 3)]
    plan.ensure_world()
    plan.pinpipe("source", "generate", "--posts", "2000")
    progress = services.SinkProgress()
    try:
        cleaned = [_clean(plan, progress, services.airflow(), day.isoformat()) for day in days]
    finally:
        progress.close()
    for step, metric, want in (
        (COMMITTED, "trigger → committed", WANTED),
        (ENDED, "trigger → run ended", None),
        (REPORTED, "trigger → report", None),
    ):
        seconds = [moments.seconds_until(step) for moments in cleaned]
        middle = median_low(seconds)
        detail: dict[str, Any] = {"of_days": [round(value, 1) for value in seconds]}
        if want:
            detail["steps_s"] = cleaned[seconds.index(middle)].breakdown()
        yield Figure("day", f"{3 * POSTS:,} records, by `clean_batch`", metric, middle, "s", want, detail)


def _clean(plan: Plan, progress: services.SinkProgress, api: AirflowApi, day: str) -> Moments:
    plan.pinpipe("run", "emulate_batch", "--day", day, "--conf", json.dumps({"posts": POSTS, "seed": 1}))
    progress.wait_for(progress.held(), timeout_s=60)
    began = datetime.now(UTC)
    run_id = run_dag(api, "clean_batch", {"day": day}, lambda _: None)
    analytics = follow_triggered_run(api, "analytics", began, lambda _: None)
    reported = _moment(api.run("analytics", analytics)["end_date"])
    return Moments(*_steps(plan, api, run_id, reported))


def _steps(
    plan: Plan, api: AirflowApi, run_id: str, reported: datetime
) -> tuple[datetime, tuple[tuple[str, datetime], ...]]:
    run = api.run("clean_batch", run_id)
    tasks = {task["task_id"]: task for task in api.tasks("clean_batch", run_id)}
    job_run = _job_run(api.xcom("clean_batch", run_id, "clean", "run_id"))
    (attempt,) = job_run["tasks"]
    log = (plan.home / "databricks" / "runs" / str(attempt["run_id"]) / "driver.log").read_text(encoding="utf-8")
    steps = {
        "Airflow: provisioned": _moment(tasks["provisioned"]["end_date"]),
        "Airflow: resolve_day": _moment(tasks["resolve_day"]["end_date"]),
        "Airflow: wait_for_sink": _moment(tasks["wait_for_sink"]["end_date"]),
        "Airflow: wait_for_dead_letters": _moment(tasks["wait_for_dead_letters"]["end_date"]),
        "Airflow: clean asked for": _of_ms(job_run["start_time"]),
        "Databricks: process started": _of_ms(attempt["start_time"]),
        **logged_steps(log),
        "Databricks: process ended": _of_ms(job_run["end_time"]),
        "Airflow: clean has seen it": _moment(tasks["clean"]["end_date"]),
        "Airflow: check_receipt": _moment(tasks["check_receipt"]["end_date"]),
        ENDED: _moment(run["end_date"]),
        REPORTED: reported,
    }
    return _moment(run["queued_at"]), tuple(steps.items())


def logged_steps(log: str) -> dict[str, datetime]:
    """Return when the driver log says that a step had ended."""
    moments: dict[str, datetime] = {}
    for stamp, text in _LOG_LINE.findall(log):
        if re.match(r"\d+ objects", text):
            moments["Spark: session up, day listed"] = _local(stamp)
        elif found := re.match(r"committed (\w+)", text):
            before = "" if any("committed" in step for step in moments) else "read, judged, counted, "
            moments[f"Spark: {before}{found[1]} committed"] = _local(stamp)
        elif "; receipt s3://" in text:
            moments[COMMITTED] = _local(stamp)
    return moments


def _job_run(run_id: int) -> dict[str, Any]:
    answer = requests.get(
        f"{ports.url('databricks')}/api/2.2/jobs/runs/get",
        params={"run_id": run_id},
        headers={"Authorization": f"Bearer {secret_store.load()['databricks_token']}"},
        timeout=_TIMEOUT_S,
    )
    answer.raise_for_status()
    run: dict[str, Any] = answer.json()
    return run


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _of_ms(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _local(stamp: str) -> datetime:
    return datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S,%f").astimezone(UTC)
