"""What ``provision`` would do, from its run with mode ``plan``, and the command ``pinpipe plan``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pinpipe_cli.chosen_environment import Env, airflow
from pinpipe_cli.json_output import AsJson, print_json
from pinpipe_cli.progress import progress

if TYPE_CHECKING:
    from pinpipe_cli.airflow_api import Airflow

DAG_ID = "provision"
_SAYS_IT = "receipt"  # the task that returns the plan


def plan(as_json: AsJson = False, env: Env = None) -> None:
    """Say what `provision` would create and change, and what stays; exits with 1 unless it can say."""
    from pinpipe_cli.runs import run_dag

    api = airflow()
    with progress(as_json=as_json) as say:
        run_id = run_dag(api, DAG_ID, {"mode": "plan"}, say)
    if as_json:
        told = api.xcom(DAG_ID, run_id, _SAYS_IT)
        url = f"{api.url}/dags/{DAG_ID}/runs/{run_id}"
        print_json({"run_id": run_id, "url": url, "plan": str(told).splitlines()})
    else:
        print_plan(api, run_id, print)


def is_plan(dag_id: str, conf: dict[str, Any]) -> bool:
    """Return whether a run with these params says what would be done."""
    return dag_id == DAG_ID and conf.get("mode") == "plan"


def print_plan(api: Airflow, run_id: str, say: Callable[[str], None]) -> None:
    """Print the plan that a run has made."""
    say(f"\n{api.xcom(DAG_ID, run_id, _SAYS_IT)}")
