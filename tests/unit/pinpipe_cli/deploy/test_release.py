"""What this checkout would deploy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from include.settings import Settings
from pinpipe_cli.deploy.deployed_state import EnvironmentFile
from pinpipe_cli.deploy.git_state import GitState
from pinpipe_cli.deploy.release import release_of

ROOT = Path(__file__).resolve().parents[4]
VERSIONS = [path.name.split("-")[2] for path in sorted((ROOT / "locks").glob("constraints-airflow-*.txt"))]
WHEEL = "/Volumes/main/pinpipe/artifacts/pinpipe_spark-0.1.0-py3-none-any.whl"


def test_every_dag_is_expected_by_the_name_of_its_file() -> None:
    release = release_of(ROOT, GitState("abc"), Settings(), "3.3.1")
    declared = {
        name
        for file in (ROOT / "dags").glob("*.py")
        for name in re.findall(r'dag_id="(\w+)",\n    d', file.read_text())
    }
    assert set(release.dag_sources) == declared


def test_the_wheel_lies_in_a_folder_of_its_content_and_the_environment_is_told() -> None:
    release = release_of(ROOT, GitState("abc"), Settings(spark_wheel=WHEEL), "3.3.1")
    assert re.fullmatch(r"/Volumes/main/pinpipe/artifacts/[0-9a-f]{16}/pinpipe_spark\S+\.whl", release.spark_wheel)
    script = release.files[EnvironmentFile.startup_script].read().decode()
    assert f"export PINPIPE_ENV=local\nexport PINPIPE_SPARK_WHEEL={release.spark_wheel}\n" in script
    assert script.endswith((ROOT / "include/mwaa/startup.sh").read_text().partition("\n")[2])


@pytest.mark.parametrize("version", VERSIONS)
def test_each_airflow_that_there_are_constraints_of_can_be_deployed_to(version: str) -> None:
    release = release_of(ROOT, GitState("abc"), Settings(), version)
    constraints = f"constraints-airflow-{version}-py3.12.txt"
    assert f"dags/{constraints}" in [one.key for one in release.dags]
    requirements = release.files[EnvironmentFile.requirements].read().decode()
    # By this, wherever it stands, MWAA tells whether it has to add constraints of its own.
    assert re.findall(r"(?:-c |--constraint ).*", requirements) == [
        f'--constraint "/usr/local/airflow/dags/{constraints}"'
    ]


def test_the_same_checkout_is_the_same_release_and_another_commit_of_it_too() -> None:
    one, other = (release_of(ROOT, GitState(commit), Settings(), "3.3.1") for commit in ("abc", "def"))
    assert one.id == other.id
    elsewhere = release_of(ROOT, GitState("abc"), Settings(spark_wheel=WHEEL), "3.3.1")
    assert elsewhere.id != one.id
