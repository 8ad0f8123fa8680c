"""The one file that Airflow's plugin loader may run; it registers what templates may call."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from pinpipe_airflow.idempotency import idempotency_token, job_run_id


class PinpipePlugin(AirflowPlugin):
    """Gives templates ``macros.pinpipe.idempotency_token(ti)`` and ``macros.pinpipe.job_run_id(ti)``."""

    name = "pinpipe"
    macros = [idempotency_token, job_run_id]  # noqa: RUF012 - declared so by the base class
