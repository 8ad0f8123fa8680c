"""The operators that run Databricks jobs."""

from __future__ import annotations

from typing import Any, NoReturn

from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator
from airflow.triggers.base import BaseTrigger

from pinpipe_airflow.links.driver_log import DriverLogLink
from pinpipe_airflow.links.quarantine import QuarantineLink
from pinpipe_airflow.links.s3_prefix import S3_LINKS


class RunJobOperator(DatabricksRunNowOperator):
    """Runs a job as the provider's operator does; who ends the waiting task cancels the run, before Airflow 3.3 too.

    Takes what the provider's operator takes.
    """

    operator_extra_links: Any = (*DatabricksRunNowOperator.operator_extra_links, DriverLogLink())

    def defer(self, *, trigger: BaseTrigger, **kwargs: Any) -> NoReturn:
        """Leave the waiting to the triggerer."""
        from pinpipe_airflow.triggers.databricks_run import cancelling

        super().defer(trigger=cancelling(trigger), **kwargs)


class RunDayJobOperator(RunJobOperator):
    """Runs a job that has a parameter ``day``; its links lead to what the day has in S3, and to its quarantine.

    Takes what the provider's operator takes.
    """

    operator_extra_links: Any = (*RunJobOperator.operator_extra_links, QuarantineLink(), *S3_LINKS)
