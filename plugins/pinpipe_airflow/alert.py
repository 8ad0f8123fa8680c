"""One alert: what a person has to know about a run, and where to read on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from include.alerts import AlertId, severity

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: fewer than 100 characters of ASCII, on one line.
_LONGEST_SUBJECT = 99


@dataclass(frozen=True)
class Alert:
    """What is told, in the same words whatever way it goes.

    :param alert_id: which section of the runbook it is about.
    :param what: what happened, in a sentence.
    :param dag_id: whose run it is.
    :param run_id: the run.
    :param task_id: the task that failed, if one did.
    :param day: the UTC day that the run is about, ``YYYY-MM-DD``, if there is one.
    :param run_url: the run in Airflow's UI.
    :param runbook_url: the section of the runbook.
    :param pipeline: the pipeline's id, and its environment.
    :param resolved: whether it says that the alert told before is over.
    """

    alert_id: AlertId
    what: str
    dag_id: str
    run_id: str
    task_id: str = ""
    day: str = ""
    run_url: str = ""
    runbook_url: str = ""
    pipeline: str = ""
    resolved: bool = False

    @property
    def state(self) -> str:
        """``firing`` or ``resolved``, as Prometheus' Alertmanager calls it."""
        return "resolved" if self.resolved else "firing"

    @property
    def line(self) -> str:
        """All of it on one line, for a log."""
        return (
            f"ALERT {self.state} [{severity(self.alert_id)}] {self.alert_id}: {self._where}: {self.what} "
            f"See {self.run_url}; what to do: {self.runbook_url}"
        )

    @property
    def subject(self) -> str:
        """What it is about, as short as an e-mail's subject has to be."""
        text = f"[{self.state}] {self.alert_id}: {self.pipeline} {self.dag_id} {self.day}".strip()
        return text.encode("ascii", "replace").decode()[:_LONGEST_SUBJECT]

    @property
    def text(self) -> str:
        """All of it in lines, for a person's mailbox or chat."""
        return "\n".join(
            [
                f"[{self.state}] {self.alert_id} ({severity(self.alert_id)}), pipeline {self.pipeline}",
                f"{self._where}: {self.what}",
                f"Run: {self.run_url}",
                f"What to do: {self.runbook_url}",
            ]
        )

    @property
    def document(self) -> dict[str, Any]:
        """All of it by name, as JSON takes it. ``text`` is what chat systems show."""
        return {
            "alert": str(self.alert_id),
            "state": self.state,
            "severity": str(severity(self.alert_id)),
            "pipeline": self.pipeline,
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "task_id": self.task_id or None,
            "day": self.day or None,
            "what": self.what,
            "run_url": self.run_url,
            "runbook_url": self.runbook_url,
            "text": self.text,
        }

    @property
    def _where(self) -> str:
        task, day = self.task_id and f".{self.task_id}", self.day and f", day {self.day}"
        return f"{self.dag_id}{task} in run {self.run_id}{day}"
