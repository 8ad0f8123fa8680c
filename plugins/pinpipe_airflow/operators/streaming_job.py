"""The operator that keeps a streaming job as wished."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.utils.skipmixin import SkipMixin

from include.job_definitions import job_definition
from include.settings import settings
from pinpipe_airflow.failure_reason import AlertedFailure
from pinpipe_airflow.operators.provisioning import ProvisioningOperator
from pinpipe_airflow.stream_decision import Decision, Limits, cancels_in_a_row, decide
from pinpipe_airflow.stream_observer import StreamObserver
from pinpipe_airflow.stream_state import WITHOUT_EFFECT, Observed, Wish
from pinpipe_airflow.triggers.streaming_job import StreamRunEndedTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.alerts import AlertId
    from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook
    from pinpipe_airflow.hooks.kinesis_positions import KinesisPositionHook
    from pinpipe_airflow.hooks.stream_control import StreamControlHook, Supervision

# A call of an act is given up before the claim to act runs out.
REQUEST_TIMEOUT_S = 10
# Others may act first, each time this one looks; somebody gets on each time.
_LOOKS = 5


class EnsureStreamingJobOperator(ProvisioningOperator, SkipMixin):
    """
    Sees that a continuous Databricks job is there, runs or rests as wished, works, and is of the declared version.

    It looks, decides (:func:`~pinpipe_airflow.stream_decision.decide`) and does at most one thing, and nothing where
    all is well. What Databricks does by itself, beginning the next run of a continuous job, it leaves to Databricks.
    A run that is to make way is asked to stop by itself first; the triggerer waits for that, and a run that is still
    there after ``stop_timeout`` is cancelled.

    Several may run at once: who wants to act claims that in ``receipts/stream_supervisor/latest.json`` with a
    conditional write; others wait until it has acted, and look anew. One that was killed half-way leaves a claim that
    runs out, and what it has left undone is seen and done by the next.

    :param definition: name of the job in ``include/databricks``; it declares a parameter ``version``. (templated)
    :param bucket: the pipeline's bucket, with wish, wanted version, heartbeat and receipts. (templated)
    :param streams: names of the Kinesis streams that the job reads. (templated)
    :param default_wish: the wish where nobody has expressed one, ``running`` or ``stopped``. (templated)
    :param stalled_after: seconds after which a run that does nothing though records wait is cancelled.
    :param stop_timeout: seconds that a run may take to stop by itself.
    :param start_timeout: seconds that Databricks may take to find a cluster for a run.
    :param create_stopped: whether the job is made, paused, though the stream is to be stopped.
    :param alert: whether the task fails when a person is needed; else it only says so in its log.
    :param skip_unless_begun: whether tasks behind it are skipped unless it has let the stream begin anew.
    :param databricks_conn_id: the Airflow connection to Databricks. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param region_name: AWS region of the streams and the bucket. (templated)
    :param polling_period_seconds: seconds between two looks at a run that is to stop.
    :param deferrable: whether the triggerer waits for it; otherwise the worker does.
    :param mode: ``apply``, or ``plan`` only to say what would be done first. (templated)
    :return: ``{"observed": what was seen, "action": one of ``none``, ``created``, ``reset``, ``unpaused``, ``paused``,
        ``cancelled``, ``replaced``, ``backing_off``, "why", "changed": bool, "at"}``, and ``then``, the same of a
        second action, where a run did not stop by itself. Also, under the key ``run_after``, the moment after which
        a new run begins; empty where none is begun.
    :raises pinpipe_airflow.failure_reason.AlertedFailure: without a retry, when a person is needed and ``alert`` is
        set.
    """

    template_fields: Sequence[str] = (
        "definition",
        "bucket",
        "streams",
        "default_wish",
        "databricks_conn_id",
        "aws_conn_id",
        "region_name",
    )

    def __init__(
        self,
        *,
        definition: str,
        bucket: str,
        streams: Sequence[str],
        default_wish: Wish = "running",
        stalled_after: float = 300,
        stop_timeout: float = 120,
        start_timeout: float = 1200,
        create_stopped: bool = True,
        alert: bool = True,
        skip_unless_begun: bool = False,
        databricks_conn_id: str = "databricks_default",
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        polling_period_seconds: int = 5,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.definition = definition
        self.bucket = bucket
        self.streams = streams
        self.default_wish = default_wish
        self.stalled_after = stalled_after
        self.stop_timeout = stop_timeout
        self.start_timeout = start_timeout
        self.create_stopped = create_stopped
        self.alert = alert
        self.skip_unless_begun = skip_unless_begun
        self.databricks_conn_id = databricks_conn_id
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.polling_period_seconds = polling_period_seconds
        self.deferrable = deferrable

    @cached_property
    def jobs(self) -> DatabricksJobHook:
        """The hook that talks to Databricks."""
        return self._job_hook(retry_limit=2)

    @cached_property
    def control(self) -> StreamControlHook:
        """The hook that talks to S3."""
        from pinpipe_airflow.hooks.stream_control import StreamControlHook

        return StreamControlHook(self.bucket, aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    @cached_property
    def positions(self) -> KinesisPositionHook:
        """The hook that talks to Kinesis."""
        from pinpipe_airflow.hooks.kinesis_positions import KinesisPositionHook

        return KinesisPositionHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def plan(self) -> list[str]:
        """Look, and return the act that would follow, if any; nothing is claimed, told or alerted."""
        receipt = self.control.supervision(f"plan of {self.task_id}").receipt
        seen = self._observer.observe(self._declared, self._limits, receipt)
        decision = decide(seen, self._limits, create_stopped=self.create_stopped)
        self.log.info("Observed %s", seen.summary())
        if decision.action in WITHOUT_EFFECT:
            self.log.info("%s: %s", decision.action, decision.why)
            return []
        name = self._declared["name"]
        if decision.action == "created":
            return [f"create job {name}: {decision.why}"]
        return [f"change job {name}, which would be {decision.action}: {decision.why}"]

    def apply(self, context: Context) -> dict[str, Any]:
        """Look and act; where a run is to stop by itself, wait for that and look again."""
        return self._look_act_and_wait(context)

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, *, result: dict[str, Any]
    ) -> dict[str, Any]:
        """Look whether the run has stopped by itself; cancel it where it has not."""
        return self._look_act_and_wait(context, before=result)

    def _look_act_and_wait(self, context: Context, before: dict[str, Any] | None = None) -> dict[str, Any]:
        result, decision, seen = self._look_and_act(context)
        if before and before["changed"]:
            result = {**before, "then": result} if result["changed"] else before
        # The moment is the same at each look, unless another run is to stop now or all of this was wished anew.
        if decision.cancel_at is None or seen.run is None:
            return self._finish(context, result, decision)
        trigger = StreamRunEndedTrigger(
            run_id=seen.run.run_id,
            until=decision.cancel_at.isoformat(),
            databricks_conn_id=self.databricks_conn_id,
            polling_period_seconds=self.polling_period_seconds,
        )
        if self.deferrable:
            self.defer(trigger=trigger, method_name="execute_complete", kwargs={"result": result})
        while datetime.now(UTC) < decision.cancel_at and self.jobs.run_is_active(seen.run.run_id):
            time.sleep(self.polling_period_seconds)
        return self._look_act_and_wait(context, before=result)

    def _look_and_act(self, context: Context) -> tuple[dict[str, Any], Decision, Observed]:
        from pinpipe_airflow.hooks.stream_control import ClaimLostError

        for _ in range(_LOOKS):
            supervision = self.control.supervision(self._owner(context))
            seen = self._observer.observe(self._declared, self._limits, supervision.receipt)
            decision = decide(seen, self._limits, create_stopped=self.create_stopped)
            self.log.info("Observed %s", seen.summary())
            self.log.info("%s: %s", decision.action, decision.why)
            try:
                at = self._act(seen, decision, supervision, self._owner(context))
            except ClaimLostError as lost:
                self.log.info("Nothing was done, another supervisor has acted meanwhile: %s", lost)
                continue
            return self._result(seen, decision, at), decision, seen
        raise RuntimeError(
            f"other supervisors of {self.definition} acted {_LOOKS} times while this one looked: see who they are in "
            f"s3://{self.bucket}/receipts/stream_supervisor/latest.json"
        )

    def _act(self, seen: Observed, decision: Decision, supervision: Supervision, owner: str) -> datetime:
        from pinpipe_airflow.hooks.stream_control import ClaimLostError

        at = datetime.now(UTC)
        if decision.action == "none":
            return at
        receipt = {
            "by": owner,
            "at": at.isoformat(),
            "action": decision.action,
            "why": decision.why,
            "failures_in_a_row": seen.failures.count,
            "last_effect": supervision.receipt.get("last_effect"),
        }
        if decision.action == "backing_off":
            self.control.conclude(supervision, receipt)
            return at
        claimed = self.control.claim(supervision, receipt)
        self._apply(seen, decision, at)
        cancels = cancels_in_a_row(seen) + 1 if self._cancels_a_broken_run(seen, decision) else 0
        done = {"action": decision.action, "at": at.isoformat(), "cancels_in_a_row": cancels}
        try:
            self.control.conclude(claimed, {**receipt, "last_effect": done})
        except ClaimLostError as lost:
            # Every act may be repeated, so two of the same have one effect.
            self.log.warning("The claim had run out before it was done: %s", lost)
        return at

    def _apply(self, seen: Observed, decision: Decision, at: datetime) -> None:
        from pinpipe_airflow.hooks.databricks_job import with_pause_status

        paused = seen.wish == "stopped"
        settings_of_job = with_pause_status(self._declared, paused=paused)
        if decision.action == "created":
            # Told before there is a job: a run that reads of another version than its own stops.
            self.control.want_version(seen.declared_version, at)
            # Not tried again by the hook: a request whose answer got lost has made a job.
            job_id = self._job_hook(retry_limit=1).create_job(settings_of_job)
            self.log.info("Created job %s, %s", job_id, "paused" if paused else "which begins to run")
            return
        if seen.job is None:
            raise LookupError(f"{decision.action} without a job: {seen}")
        job_id = seen.job.job_id
        if decision.action in ("reset", "replaced"):
            # In this order: a run that is told to make way before it can be replaced would come again as it was.
            self.jobs.reset_job(str(job_id), settings_of_job)
            if seen.wanted_version != seen.declared_version:
                self.control.want_version(seen.declared_version, at)
        elif decision.action in ("paused", "unpaused"):
            self.jobs.pause_job(job_id, self._declared, paused=paused)
        elif decision.action == "cancelled" and seen.run is not None:
            self.jobs.cancel_run(seen.run.run_id)

    def _cancels_a_broken_run(self, seen: Observed, decision: Decision) -> bool:
        """Whether a run is cancelled because it does not work; else it was to stop anyhow."""
        current = seen.run is not None and seen.run.version in (None, seen.declared_version)
        return decision.action == "cancelled" and seen.wish == "running" and current

    def _result(self, seen: Observed, decision: Decision, at: datetime) -> dict[str, Any]:
        return {
            "observed": seen.summary(),
            "action": decision.action,
            "why": decision.why,
            "changed": decision.action not in WITHOUT_EFFECT,
            "at": at.isoformat(),
        }

    def _finish(self, context: Context, result: dict[str, Any], decision: Decision) -> dict[str, Any]:
        begun = result["changed"] and result["observed"]["wish"] == "running"
        anew = begun and result["action"] in ("created", "replaced", "cancelled")
        # An XCom of None is none at all.
        context["ti"].xcom_push(key="run_after", value=result["at"] if anew else "")
        if decision.alert_id:
            self._raise_alert(context, result, decision.alert, decision.alert_id)
        if self.skip_unless_begun and not begun:
            # A task that skips others does not return.
            context["ti"].xcom_push(key="return_value", value=result)
            self.skip(ti=context["ti"], tasks=self.get_direct_relatives(upstream=False))
        return result

    def _raise_alert(self, context: Context, result: dict[str, Any], alert: str, alert_id: AlertId) -> None:
        message = f"{self._declared['name']}: {alert}"
        failures = result["observed"]["failures"]
        if failures.get("last_run_id"):
            message += f". The last failure: {self.jobs.run_failure(failures['last_run_id'])}"
        if not self.alert:
            self.log.warning(message)
            return
        context["ti"].xcom_push(key="return_value", value=result)
        raise AlertedFailure(message, alert_id)

    @staticmethod
    def _owner(context: Context) -> str:
        ti = context["ti"]
        return f"{ti.dag_id}/{ti.run_id}/{ti.task_id}"

    @cached_property
    def _declared(self) -> dict[str, Any]:
        return job_definition(self.definition, settings().marks)

    @cached_property
    def _limits(self) -> Limits:
        return Limits(
            stalled_after=timedelta(seconds=self.stalled_after),
            stop_timeout=timedelta(seconds=self.stop_timeout),
            start_timeout=timedelta(seconds=self.start_timeout),
        )

    @cached_property
    def _observer(self) -> StreamObserver:
        return StreamObserver(self.jobs, self.control, self.positions, self.streams, self.default_wish)

    def _job_hook(self, *, retry_limit: int) -> DatabricksJobHook:
        from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

        return DatabricksJobHook(
            self.databricks_conn_id,
            timeout_seconds=REQUEST_TIMEOUT_S,
            retry_limit=retry_limit,
            caller="EnsureStreamingJobOperator",
        )
