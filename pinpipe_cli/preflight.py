"""The command ``pinpipe preflight``: what has to be right before ``provision``, looked at from this machine."""

from __future__ import annotations

import json
import logging
import os
import warnings
from collections.abc import Mapping

import typer

from local.progress import waits_for
from pinpipe_cli.chosen_environment import Env
from pinpipe_cli.json_output import AsJson, print_json
from pinpipe_cli.plugins_path import add_plugins
from pinpipe_cli.progress import progress

# Where Airflow on AWS looks connections up; https://docs.aws.amazon.com/mwaa/latest/userguide/connections-secrets-manager.html
_SECRETS_BACKEND = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"


def preflight(
    env: Env = None,
    as_json: AsJson = False,
) -> None:
    """Check credentials, permissions, names, quotas, connections and versions; exits with 1 if anything is wrong.

    Connections come from AIRFLOW_CONN_* variables, then from Secrets Manager under airflow/connections, as in the
    Airflow environment; what is not reached from this machine may well be from there: `provision` checks the same.
    """
    from include.settings import settings

    wanted = settings()  # all that is wrong with them is told before anything else
    given = {} if wanted.env == "local" else dict(os.environ)
    os.environ.update({**airflow_variables(wanted.env, wanted.connections_prefix), **given})
    _quiet()
    add_plugins()
    from pinpipe_airflow.preflight.report import is_wrong
    from pinpipe_airflow.preflight.running import run_checks

    from pinpipe_cli.findings_output import print_findings

    with progress(as_json=as_json) as say:
        waits_for(say, ["the checks"])
        found = run_checks(wanted)
    if as_json:
        print_json({"env": wanted.env, "findings": [finding.as_dict() for finding in found]})
    else:
        print_findings(found)
    if is_wrong(found):
        raise typer.Exit(1)


def airflow_variables(env: str, connections_prefix: str) -> Mapping[str, str]:
    """Return the variables by which Airflow's own code finds an environment's connections.

    :param env: the environment. Those of the local world are its own; elsewhere Secrets Manager has them.
    :param connections_prefix: what their names begin with there.
    :raises LookupError: when there is no local world.
    """
    from local import secret_store
    from local.home import home, make_home
    from local.process_environment import airflow_environment, aws_environment

    if env != "local":
        kwargs = {"connections_prefix": connections_prefix, "variables_prefix": None, "config_prefix": None}
        return {
            "AIRFLOW_HOME": str(make_home() / "airflow-elsewhere"),
            "AIRFLOW__SECRETS__BACKEND": _SECRETS_BACKEND,
            "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(kwargs),
        }
    if not secret_store.secret_file().exists():
        raise LookupError(f"there is no world in {home()} yet: `pinpipe up` makes it")
    return {**aws_environment(), **airflow_environment(secret_store.load())}


def _quiet() -> None:
    """Keep Airflow, which tells of each look-up, from writing between the findings."""
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"
    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
