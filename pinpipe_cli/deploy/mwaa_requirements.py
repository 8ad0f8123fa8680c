"""``requirements.txt`` as MWAA installs it: each package at the version of Airflow's constraints, none of MWAA's own.

MWAA wants a ``--constraint`` line, and reads a file of constraints from the folder of the DAGs:
https://docs.aws.amazon.com/mwaa/latest/userguide/connections-packages.html#connections-packages-constraints
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from local.other_pins import normalized, pins
from pinpipe_cli.deploy.errors import DeploymentError

DAGS_ON_MWAA = "/usr/local/airflow/dags"

# What the image has, and lets nobody override; named as https://peps.python.org/pep-0503/#normalized-names does:
# https://github.com/aws/amazon-mwaa-docker-images, images/airflow/3.*/etc/mwaa_essential_constraints.txt
ESSENTIAL = frozenset(
    {
        *("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk"),
        *("flask", "flask-appbuilder", "flask-babel", "flask-bcrypt", "flask-caching", "flask-jwt-extended"),
        *("flask-limiter", "flask-login", "flask-session", "flask-sqlalchemy", "flask-wtf", "gunicorn"),
        *("billiard", "celery", "gevent", "greenlet", "kombu", "vine"),
        *("sqlalchemy", "sqlalchemy-utils", "statsd", "watchtower", "fluent-logger"),
    }
)
# Spark runs on Databricks. MWAA gives up an installation after 9 minutes, and its wheel is hundreds of megabytes.
UNWANTED = frozenset({"pyspark", "delta-spark", "databricks-connect"})

# MWAA takes a line with either for constraints, comments too, and then adds none of its own:
# https://github.com/aws/amazon-mwaa-docker-images, images/airflow/3.*/python/mwaa/utils/user_requirements.py
_CONSTRAINT = re.compile(r"-c |--constraint ")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.!+_-]+)")


def constraints_file(checkout: Path, airflow_version: str) -> Path:
    """Return the file of Airflow's constraints for a version of it.

    :raises DeploymentError: when the checkout has none; with where to get it.
    """
    file = checkout / "locks" / f"constraints-airflow-{airflow_version}-py3.12.txt"
    if not file.is_file():
        raise DeploymentError(
            f"the MWAA environment runs Airflow {airflow_version}, and there is no locks/{file.name}: put "
            f"https://raw.githubusercontent.com/apache/airflow/constraints-{airflow_version}/constraints-3.12.txt there"
        )
    return file


def render_requirements(declared: str, constraints: str, constraints_name: str) -> str:
    """Return the requirements that MWAA is given.

    What MWAA has and lets nobody override is left out.

    :param declared: ``requirements.txt`` of the checkout: names, with an exact version where the constraints have none.
    :param constraints: Airflow's constraints.
    :param constraints_name: name of their file in the folder of the DAGs.
    :raises DeploymentError: when a package has no version in the constraints, or may not be there.
    """
    known = pins(constraints.splitlines())
    lines = [line for line in (line.partition("#")[0].strip() for line in declared.splitlines()) if line]
    if odd := [line for line in lines if not (_NAME.fullmatch(line) or _PIN.fullmatch(line))]:
        raise DeploymentError(f"requirements.txt: {', '.join(odd)}: give names alone, versions come from constraints")
    own = pins(lines)
    names = [line.partition("==")[0] for line in lines]
    if unpinned := [name for name in names if normalized(name) not in {**known, **own}]:
        raise DeploymentError(
            f"requirements.txt: {', '.join(unpinned)}: no version in {constraints_name}, so MWAA might install any; "
            "remove it, or give the exact version, as in name==1.2.3"
        )
    counted = hashlib.sha256(constraints.encode()).hexdigest()
    versions = {**known, **own}
    text = "\n".join(
        [
            f'--constraint "{DAGS_ON_MWAA}/{constraints_name}"',
            # A change of the constraints alone is to be a change of this file: it is what MWAA is told of.
            f"# sha256 of the constraints: {counted}",
            *(f"{name}=={versions[normalized(name)]}" for name in names if normalized(name) not in ESSENTIAL),
            "",
        ]
    )
    check_requirements(text, constraints, own)
    return text


def check_requirements(text: str, constraints: str, own: Mapping[str, str] | None = None) -> None:
    """See that MWAA can install requirements, and that they are what was tested.

    :param own: versions of packages that the constraints leave open, by normalised name.
    :raises DeploymentError: names each line that breaks a rule, and the rule.
    """
    known = {**(own or {}), **pins(constraints.splitlines())}
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    faults = []
    first = f'--constraint "{DAGS_ON_MWAA}/'
    if not lines or not lines[0].startswith(first):
        faults.append(f"the first line is not {first}…: MWAA would take constraints of its own")
    comments = (line for line in text.splitlines() if line.lstrip().startswith("#"))
    faults += [
        f"{line}: MWAA takes it for constraints, although it is a comment"
        for line in comments
        if _CONSTRAINT.search(line)
    ]
    for line in lines[1:]:
        pin = _PIN.fullmatch(line)
        name = normalized(pin["name"]) if pin else ""
        if pin is None:
            faults.append(f"{line}: no exact version, as in name==1.2.3")
        elif name in ESSENTIAL:
            faults.append(f"{line}: MWAA brings it, and refuses another version of it")
        elif name in UNWANTED:
            faults.append(f"{line}: Spark runs on Databricks; MWAA gives an installation 9 minutes")
        elif known.get(name) != pin["version"]:
            faults.append(f"{line}: the constraints say {known.get(name) or 'nothing of it'}")
    if faults:
        raise DeploymentError("requirements.txt breaks rules of MWAA: " + "; ".join(faults))
