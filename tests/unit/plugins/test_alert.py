"""One alert, in the forms in which it is sent."""

from __future__ import annotations

import dataclasses
import json

from pinpipe_airflow.alert import Alert

from include.alerts import AlertId

ALERT = Alert(
    alert_id=AlertId.CLEANING_FAILED,
    what="Task clean failed: no space left",
    dag_id="clean_batch",
    run_id="scheduled__1",
    task_id="clean",
    day="2024-02-29",
    run_url="http://airflow/dags/clean_batch/runs/scheduled__1",
    runbook_url="docs/runbook.md#cleaning-failed",
    pipeline="pinpipe (local)",
)


def test_a_log_gets_all_of_it_on_one_line() -> None:
    assert ALERT.line == (
        "ALERT firing [critical] cleaning-failed: clean_batch.clean in run scheduled__1, day 2024-02-29: Task clean "
        "failed: no space left See http://airflow/dags/clean_batch/runs/scheduled__1; what to do: "
        "docs/runbook.md#cleaning-failed"
    )


def test_machines_get_every_field_by_name() -> None:
    document = json.loads(json.dumps(ALERT.document))
    assert document == {
        "alert": "cleaning-failed", "state": "firing", "severity": "critical", "pipeline": "pinpipe (local)",
        "dag_id": "clean_batch", "run_id": "scheduled__1", "task_id": "clean", "day": "2024-02-29",
        "what": "Task clean failed: no space left", "run_url": ALERT.run_url, "runbook_url": ALERT.runbook_url,
        "text": ALERT.text,
    }  # fmt: skip


def test_an_alert_of_no_task_and_no_day_has_neither() -> None:
    alert = dataclasses.replace(ALERT, task_id="", day="")
    assert (alert.document["task_id"], alert.document["day"]) == (None, None)
    assert "clean_batch in run scheduled__1: Task" in alert.line


def test_people_get_lines_with_both_links() -> None:
    first, what, run, runbook = ALERT.text.splitlines()
    assert first == "[firing] cleaning-failed (critical), pipeline pinpipe (local)"
    assert what.endswith("no space left")
    assert (run, runbook) == (f"Run: {ALERT.run_url}", f"What to do: {ALERT.runbook_url}")


def test_a_subject_is_short_and_plain() -> None:
    long = dataclasses.replace(ALERT, pipeline="pins für alle " * 20)
    assert ALERT.subject == "[firing] cleaning-failed: pinpipe (local) clean_batch 2024-02-29"
    assert len(long.subject) < 100
    assert long.subject.isascii()


def test_the_end_of_an_alert_is_told_as_resolved() -> None:
    over = dataclasses.replace(ALERT, resolved=True)
    assert (over.state, over.document["state"]) == ("resolved", "resolved")
    assert over.subject.startswith("[resolved] ")
