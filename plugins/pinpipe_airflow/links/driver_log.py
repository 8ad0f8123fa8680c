"""The link to the log of a Databricks run's driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperatorLink
from airflow.sdk.bases.xcom import BaseXCom

_ANSWER_WITHIN_S = 10


class DriverLogLink(BaseOperatorLink):
    """Leads to the driver's log, where the run had a cluster; else to the run's page, which has the output."""

    name = "Driver log"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address."""
        from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook

        run_id = BaseXCom.get_value(key="run_id", ti_key=ti_key)
        if run_id is None:
            raise ValueError(f"task {operator.task_id} has begun no run, so there is no log of one")
        hook = DatabricksJobHook(operator.databricks_conn_id, timeout_seconds=_ANSWER_WITHIN_S, retry_limit=1)
        return driver_log_url(hook.get_run(int(run_id)))


def driver_log_url(run: Mapping[str, Any]) -> str:
    """Return where the log of a run's driver is.

    The path is that of ``cluster_instance`` in https://docs.databricks.com/api/workspace/jobs/getrun.

    :param run: as ``runs/get`` shows it.
    """
    page = str(run["run_page_url"])
    task = (run.get("tasks") or [run])[-1]
    cluster = (task.get("cluster_instance") or {}).get("cluster_id")
    if not cluster:
        return f"{page}#driver-log" if "#" not in page else page
    return f"{page.partition('#')[0]}#setting/sparkui/{cluster}/driver-logs"
