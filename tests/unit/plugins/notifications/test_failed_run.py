"""Which alerts a failed run leads to, and one that is well again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pinpipe_airflow.alert import Alert
from pinpipe_airflow.failure_reason import KEY
from pinpipe_airflow.notifications import delivery
from pinpipe_airflow.notifications.failed_run import FailedRunNotifier, RecoveredRunNotifier

NOW = datetime(2024, 3, 1, 10, 5, tzinfo=UTC)


class TaskInstance:
    """What Airflow's API tells of a run and of the one before.

    :param left: by run what its task has left.
    :param before: state of the run before, ``None`` where there is none.
    :param minutes_before: when that was.
    """

    dag_id, run_id, task_id, map_index = "stream_supervisor", "now", "supervise", -1

    def __init__(
        self,
        left: dict[str, Any] | None = None,
        before: str | None = None,
        task: str = "supervise",
        minutes_before: int = 5,
    ) -> None:
        self.left, self.before, self.task, self.minutes_before = left or {}, before, task, minutes_before

    def xcom_pull(self, *, task_ids: str, key: str, run_id: str, map_indexes: int) -> Any:
        assert (key, map_indexes) == (KEY, -1)
        found = self.left.get(run_id)
        if isinstance(found, Exception):
            raise found
        return found

    def get_previous_dagrun(self) -> Any:
        if self.before == "unknown":
            raise RuntimeError("no answer")
        if self.before is None:
            return None
        at = NOW - timedelta(minutes=self.minutes_before)
        return SimpleNamespace(state=self.before, run_id="before", logical_date=at)

    def get_task_states(self, *, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        states = dict.fromkeys(("provisioned", "supervise", "wait_for_progress"), "success")
        return {"before": {**states, self.task: str(self.before)}}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Alert]:
    alerts: list[Alert] = []
    monkeypatch.setattr(delivery, "deliver", alerts.append)
    return alerts


def left(alert: str = "stream-failing", reason: str = "3 runs have failed") -> dict[str, str]:
    return {"reason": reason, "alert": alert}


def context(ti: TaskInstance | None, reason: str = "task_failure") -> Any:
    dag = SimpleNamespace(dag_id="stream_supervisor")
    run = SimpleNamespace(dag_id="stream_supervisor", run_id="now", conf=None, logical_date=NOW)
    return {"dag": dag, "run_id": "now", "reason": reason} | ({"ti": ti, "dag_run": run} if ti else {})


def ids(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(str(alert.alert_id), alert.state) for alert in alerts]


def test_a_failed_run_tells_the_task_and_its_reason(told: list[Alert]) -> None:
    FailedRunNotifier()(context(TaskInstance({"now": left()}, before="failed")))
    (alert,) = told
    assert (alert.alert_id, alert.task_id) == ("stream-failing", "supervise")
    assert alert.what == "Task supervise failed: 3 runs have failed"


@pytest.mark.parametrize("nothing", [None, RuntimeError("no answer")])
def test_a_task_that_left_no_reason_is_an_alert_all_the_same(told: list[Alert], nothing: Any) -> None:
    FailedRunNotifier()(context(TaskInstance({"now": nothing})))
    assert ids(told) == [("stream-unsupervised", "firing")]
    assert "it left no reason" in told[0].what


def test_a_run_that_took_too_long_says_so_whatever_its_task_left(told: list[Alert]) -> None:
    FailedRunNotifier()(context(TaskInstance({"now": left()}), reason="timed_out"))
    assert ids(told) == [("run-failed", "firing")]
    assert told[0].what == "The run took longer than it may and was ended; supervise was not done."


def test_a_run_in_which_no_task_failed_is_an_alert_too(told: list[Alert]) -> None:
    FailedRunNotifier(once=True)(context(None, reason="all_tasks_deadlocked"))
    assert ids(told) == [("run-failed", "firing")]
    assert "all_tasks_deadlocked" in told[0].what


def test_the_same_failure_is_told_once_an_hour(told: list[Alert]) -> None:
    FailedRunNotifier(once=True)(context(TaskInstance({"now": left(), "before": left()}, before="failed")))
    assert told == []
    ti = TaskInstance({"now": left(), "before": left()}, before="failed", minutes_before=10)
    FailedRunNotifier(once=True)(context(ti))
    assert ids(told) == [("stream-failing", "firing")]


def test_the_same_hour_of_another_day_is_another(told: list[Alert]) -> None:
    ti = TaskInstance({"now": left(), "before": left()}, before="failed", minutes_before=24 * 60)
    FailedRunNotifier(once=True)(context(ti))
    assert ids(told) == [("stream-failing", "firing")]


@pytest.mark.parametrize("before", [None, "success", "unknown"])
def test_a_failure_that_is_new_or_may_be_is_told(told: list[Alert], before: str | None) -> None:
    FailedRunNotifier(once=True)(context(TaskInstance({"now": left(), "before": left()}, before=before)))
    assert ids(told) == [("stream-failing", "firing")]


def test_another_failure_ends_the_one_before(told: list[Alert]) -> None:
    ti = TaskInstance({"now": left("stream-stalled"), "before": left()}, before="failed")
    FailedRunNotifier(once=True)(context(ti))
    assert ids(told) == [("stream-failing", "resolved"), ("stream-stalled", "firing")]


def test_another_task_that_failed_before_was_another_alert(told: list[Alert]) -> None:
    ti = TaskInstance({"now": left()}, before="failed", task="wait_for_progress")
    FailedRunNotifier(once=True)(context(ti))
    assert ids(told) == [("stream-without-progress", "resolved"), ("stream-failing", "firing")]


def test_a_run_that_is_well_again_says_so_once(told: list[Alert]) -> None:
    RecoveredRunNotifier()(context(TaskInstance({"before": left()}, before="failed"), reason="success"))
    assert ids(told) == [("stream-failing", "resolved")]
    RecoveredRunNotifier()(context(TaskInstance(before="success"), reason="success"))
    RecoveredRunNotifier()(context(TaskInstance(before=None), reason="success"))
    RecoveredRunNotifier()(context(None, reason="success"))
    assert len(told) == 1
