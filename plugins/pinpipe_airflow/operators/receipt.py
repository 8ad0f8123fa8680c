"""Operators that look at receipts in S3."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from pinpipe_airflow.accounting import unbalanced
from pinpipe_airflow.assets import DELTA_BATCH
from pinpipe_airflow.idempotency import is_of_run
from pinpipe_airflow.links.quarantine import QuarantineLink
from pinpipe_airflow.links.s3_prefix import S3_LINKS

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.receipt import ReceiptHook


class ProvisionedCheckOperator(BaseOperator):
    """Lets a run go on once ``provision`` has left its receipt.

    A scheduled run before that is skipped, for nobody asked for it; any other run fails and says what to do.

    :param bucket: the pipeline's bucket. (templated)
    :param aws_conn_id: the Airflow connection to AWS.
    :raises AirflowFailException: without a retry, for another try would find the same.
    """

    template_fields: Sequence[str] = ("bucket", "aws_conn_id")

    def __init__(self, *, bucket: str, aws_conn_id: str | None = "aws_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.aws_conn_id = aws_conn_id

    @cached_property
    def hook(self) -> ReceiptHook:
        """The hook that talks to S3; imported here, as it brings boto3 along."""
        from pinpipe_airflow.hooks.receipt import ReceiptHook

        return ReceiptHook(self.bucket, aws_conn_id=self.aws_conn_id)

    def execute(self, context: Context) -> str:
        """Return when the pipeline was provisioned."""
        receipt = self.hook.read("provision")
        if receipt is not None:
            return str(receipt["finished_at"])
        missing = f"not provisioned: there is no receipt of provision in s3://{self.bucket}"
        if context["dag_run"].run_type == "scheduled":
            raise AirflowSkipException(missing)
        raise AirflowFailException(f"{missing}; run the DAG provision, then this one again")


class ReceiptCheckOperator(BaseOperator):
    """Checks the receipt of a day's cleaning and announces the day to whoever waits for ``delta_batch``.

    The receipt must be of this DAG run (any try: a try whose success was lost is as good) or of one that has cleaned
    the day since, and every row read must be accounted for.

    :param bucket: the pipeline's bucket. (templated)
    :param job: the job's name in receipts, ``clean_batch``. (templated)
    :param day: the cleaned day, ``YYYY-MM-DD``. (templated)
    :param aws_conn_id: the Airflow connection to AWS.
    :return: ``{"day", "run_id", "data_sets": {name: counts}, "warnings": number, "unmet_expectations": number}``.
    :raises AirflowFailException: when the receipt is missing, older than this DAG run, or does not add up.
    """

    template_fields: Sequence[str] = ("bucket", "job", "day", "aws_conn_id")
    operator_extra_links = (QuarantineLink(), *S3_LINKS)

    def __init__(
        self, *, bucket: str, job: str, day: str, aws_conn_id: str | None = "aws_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.job = job
        self.day = day
        self.aws_conn_id = aws_conn_id

    @cached_property
    def hook(self) -> ReceiptHook:
        """The hook that talks to S3."""
        from pinpipe_airflow.hooks.receipt import ReceiptHook

        return ReceiptHook(self.bucket, aws_conn_id=self.aws_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:
        """Check, log the counts, announce the day."""
        dag_run = context["dag_run"]
        receipt = self._receipt_of(context["run_id"], dag_run.start_date or dag_run.run_after)
        counts: dict[str, dict[str, int]] = receipt["data_sets"]
        if problems := unbalanced(counts):
            raise AirflowFailException(f"the receipt of {self.job} for {self.day} does not add up: {problems}")
        unmet = [told for told in receipt.get("expectations", ()) if not told["met"]]
        self._log(counts, [*receipt["warnings"], *({"not_as_expected": told} for told in unmet)])
        extra: dict[str, Any] = {"day": self.day, "run_id": receipt["run_id"], "counts": counts}
        context["outlet_events"][DELTA_BATCH].extra = extra
        return {
            "day": self.day,
            "run_id": receipt["run_id"],
            "data_sets": counts,
            "warnings": len(receipt["warnings"]),
            "unmet_expectations": len(unmet),
        }

    def _receipt_of(self, run_id: str, run_began: datetime) -> dict[str, Any]:
        receipt = self.hook.read(self.job, self.day)
        if receipt is None:
            raise AirflowFailException(
                f"{self.job} left no receipt for {self.day} in s3://{self.bucket}, though its run succeeded: "
                "see the job run's log, then clear the task that runs the job"
            )
        if is_of_run(receipt["run_id"], run_id):
            return receipt
        # Jobs of a day run one after the other: a receipt written since this run began has replaced the run's own.
        if datetime.fromisoformat(receipt["finished_at"]) < run_began:
            raise AirflowFailException(
                f"the receipt of {self.job} for {self.day} is of run {receipt['run_id']!r}, not of {run_id!r}, and was "
                f"written at {receipt['finished_at']}, before this run began at {run_began.isoformat()}: see the job "
                "run's log, then clear the task that runs the job to clean the day from here again"
            )
        self.log.warning("Run %r has cleaned %s since; its result stands", receipt["run_id"], self.day)
        return receipt

    def _log(self, counts: dict[str, dict[str, int]], warnings: Sequence[dict[str, Any]]) -> None:
        for name, sizes in counts.items():
            self.log.info("%s: %s", name, ", ".join(f"{count} {what}" for what, count in sizes.items()))
        if not any(sizes["read"] for sizes in counts.values()):
            self.log.info("There was nothing to clean on %s", self.day)
        for warning in warnings:
            self.log.warning("%s", warning)
