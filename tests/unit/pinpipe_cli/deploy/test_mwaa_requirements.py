"""requirements.txt as MWAA is given it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pinpipe_cli.deploy.errors import DeploymentError
from pinpipe_cli.deploy.mwaa_requirements import check_requirements, constraints_file, render_requirements

ROOT = Path(__file__).resolve().parents[4]
CONSTRAINTS = "boto3==1.2.3\nPyYAML==6.0\nSQLAlchemy==2.0.51\npyspark==4.0.1\n"
FIRST = '--constraint "/usr/local/airflow/dags/c.txt"\n'


@pytest.mark.parametrize(("version", "amazon"), [("3.2.1", "9.25.0"), ("3.3.1", "9.34.0")])
def test_the_projects_requirements_can_be_installed_by_mwaa(version: str, amazon: str) -> None:
    file = constraints_file(ROOT, version)
    text = render_requirements((ROOT / "requirements.txt").read_text(), file.read_text(), file.name)
    lines = text.splitlines()
    assert lines[0] == f'--constraint "/usr/local/airflow/dags/{file.name}"'
    assert f"apache-airflow-providers-amazon=={amazon}" in lines
    assert "aws-msk-iam-sasl-signer-python==1.0.2" in lines
    assert not [line for line in lines if line.lower().startswith(("sqlalchemy", "pyspark", "apache-airflow=="))]
    declared = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == len(declared) - 1 + 2  # but for SQLAlchemy; the constraints and their hash


def test_names_are_pinned_as_the_constraints_say_however_they_are_written() -> None:
    text = render_requirements("# why\nboto3  # AWS\npyyaml\n\nsqlalchemy\n", CONSTRAINTS, "c.txt")
    assert text.splitlines()[2:] == ["boto3==1.2.3", "pyyaml==6.0"]


def test_a_version_is_taken_where_the_constraints_leave_it_open_or_agree() -> None:
    text = render_requirements("left_pad==1.0\nboto3==1.2.3", CONSTRAINTS, "c.txt")
    assert text.splitlines()[2:] == ["left_pad==1.0", "boto3==1.2.3"]


def test_a_change_of_the_constraints_alone_is_a_change_of_the_requirements() -> None:
    changed = CONSTRAINTS.replace("2.0.51", "2.0.52")
    assert render_requirements("boto3", CONSTRAINTS, "c.txt") != render_requirements("boto3", changed, "c.txt")


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("boto3>=1.2.3", "give names alone"),
        ("boto3==1.2.4", "the constraints say 1.2.3"),
        ("-r other.txt", "give names alone"),
        ("leftpad", "leftpad: no version in c.txt"),
        ("pyspark", "Spark runs on Databricks"),
    ],
)
def test_what_cannot_be_deployed_is_refused(declared: str, words: str) -> None:
    with pytest.raises(DeploymentError, match=words):
        render_requirements(declared, CONSTRAINTS, "c.txt")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("boto3==1.2.3\n", "the first line is not --constraint"),
        (FIRST + "# as by -c other.txt\nboto3==1.2.3\n", "takes it for constraints"),
        (FIRST + "# --constraint other.txt\n", "takes it for constraints"),
        (FIRST + "boto3\n", "boto3: no exact version"),
        (FIRST + "boto3>=1.2.3\n", "no exact version"),
        (FIRST + "boto3==1.2.4\n", "the constraints say 1.2.3"),
        (FIRST + "leftpad==1\n", "the constraints say nothing of it"),
        (FIRST + "SQLAlchemy==2.0.51\n", "MWAA brings it"),
        (FIRST + "apache_airflow==3.3.1\n", "MWAA brings it"),
        (FIRST + "PySpark==4.0.1\n", "9 minutes"),
    ],
)
def test_requirements_that_break_a_rule_of_mwaa_are_refused(text: str, words: str) -> None:
    with pytest.raises(DeploymentError, match=words):
        check_requirements(text, CONSTRAINTS)


def test_an_airflow_without_constraints_is_refused_with_where_to_get_them() -> None:
    with pytest.raises(DeploymentError, match=r"Airflow 3\.9\.9.*constraints-3\.9\.9/constraints-3\.12\.txt"):
        constraints_file(ROOT, "3.9.9")
