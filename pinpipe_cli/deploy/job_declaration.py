"""Has the Databricks jobs run the wheel that was deployed, which their definitions name: by the DAG ``provision``."""

from __future__ import annotations

import json
from datetime import timedelta

from include.settings import Settings
from local.progress import Progress
from pinpipe_cli.airflow_api import Airflow, AirflowApiError
from pinpipe_cli.deploy.errors import DeploymentError
from pinpipe_cli.runs import RunFailed, run_dag

# Only Databricks' jobs have to change, which takes none of the rights to change AWS. What a teardown has removed, or
# nobody has provisioned yet, is not for a deployment to make.
_CONF = {"mode": "apply", "rights_withheld": True, "only_if_provisioned": True}
_WITHIN = timedelta(hours=6)  # as long as a run of the DAG may take


def declare_jobs(airflow: Airflow, given: Settings, say: Progress) -> None:
    """Run ``provision`` and follow it to its end.

    :param airflow: of the environment, which runs what was deployed.
    :param given: the environment's settings.
    :param say: is told what happens, a line each.
    :raises DeploymentError: when it cannot be run or does not succeed, with what has to be done.
    """
    say("the Spark jobs get another wheel: provision declares them")
    try:
        run_id = run_dag(airflow, "provision", _CONF, say, _WITHIN.total_seconds())
        skipped = all(
            task["state"] == "skipped"
            for task in airflow.tasks("provision", run_id)
            if task["task_id"] != "teardown_over"  # which finds out whether the others are to
        )
    except (RunFailed, AirflowApiError) as error:
        raise DeploymentError(
            f"{error}. The deployment itself is done, but THE SPARK JOBS MAY STILL RUN THE WHEEL OF BEFORE: mend that, "
            f"then run `{declaring_command(given)}`"
        ) from error
    if skipped:
        say(
            "provision has not come to its end here yet, or a teardown has begun since, so it was left alone: jobs "
            f"that are there keep the wheel of before. `{provision_command(given)}` makes everything, with this wheel"
        )


def declaring_command(given: Settings) -> str:
    """Return what a person runs instead; it needs no more rights than the run that was not made."""
    return f"{provision_command(given)} --conf '{json.dumps(_CONF)}'"


def provision_command(given: Settings) -> str:
    """Return what a person runs for it."""
    return f"pinpipe run provision --env {given.env}"
