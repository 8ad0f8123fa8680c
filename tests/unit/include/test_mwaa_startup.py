"""``include/mwaa/startup.sh``, read as MWAA's image reads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pinpipe_cli.deploy.startup_script import SCRIPT as PATH
from pinpipe_cli.deploy.startup_script import startup_script
from tests.unit.include.bootstrap_template import Stack

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / PATH
WHEEL = "/Volumes/a b/x.whl"
# https://github.com/aws/amazon-mwaa-docker-images: it sources the script, and takes over the environment at its end.
AS_MWAA = 'shopt -s expand_aliases; alias exit=handle_exit; source "$0"; env -0'


def read(given: dict[str, str], script: Path = SCRIPT) -> tuple[dict[str, str], str]:
    """Return the variables that the script leaves, none where it does not end, and what it says."""
    ended = subprocess.run(
        ["/bin/bash", "-c", AS_MWAA, str(script)],
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    lines = ended.stdout.split("\0") if ended.returncode == 0 else []
    return dict(line.split("=", 1) for line in lines if "=" in line), ended.stderr


def of_airflow(options: dict[str, str]) -> dict[str, str]:
    """Return Airflow configuration options as the variables that MWAA makes of them."""
    return {f"AIRFLOW__{'__'.join(option.upper().split('.', 1))}": value for option, value in options.items()}


def deployed(folder: Path, env: str) -> Path:
    """Return the script as a deployment has it."""
    script = folder / "startup.sh"
    script.write_text(startup_script(ROOT, env, WHEEL))
    return script


def test_the_environment_is_the_one_of_the_stack():
    options = Stack(EnvironmentName="stage").resources["Airflow"]["Properties"]["AirflowConfigurationOptions"]
    left, said = read(of_airflow(options))
    assert left["PINPIPE_ENV"] == "stage"
    assert said == ""


def test_any_setting_can_be_an_airflow_configuration_option():
    given = {"pinpipe.env": "prod", "pinpipe.alerts": "log,sns:arn:x", "pinpipe.lake": "s3://a b$c"}
    left, _ = read(of_airflow(given))
    assert {name: value for name, value in left.items() if name.startswith("PINPIPE_")} == {
        "PINPIPE_ENV": "prod",
        "PINPIPE_ALERTS": "log,sns:arn:x",
        "PINPIPE_LAKE": "s3://a b$c",
    }


def test_without_an_environment_nothing_starts():
    left, said = read({"AIRFLOW__PINPIPE__ALERTS": "log"})
    assert left == {}
    assert "add the Airflow configuration option pinpipe.env" in said


def test_an_empty_environment_is_none():
    assert read(of_airflow({"pinpipe.env": ""}))[0] == {}


def test_what_a_deployment_exports_before_it_stays(tmp_path):
    left, _ = read(of_airflow({"pinpipe.env": "prod"}), deployed(tmp_path, "prod"))
    assert (left["PINPIPE_ENV"], left["PINPIPE_SPARK_WHEEL"]) == ("prod", WHEEL)


def test_a_deployment_alone_says_the_environment_too(tmp_path):
    assert read({}, deployed(tmp_path, "prod"))[0]["PINPIPE_ENV"] == "prod"


def test_the_deployment_of_another_environment_does_not_start(tmp_path):
    left, said = read(of_airflow({"pinpipe.env": "prod"}), deployed(tmp_path, "stage"))
    assert left == {}
    assert "stage was deployed, and this is prod" in said


@pytest.mark.parametrize("make", [lambda _: SCRIPT, lambda folder: deployed(folder, "prod")], ids=["own", "deployed"])
def test_shellcheck_finds_nothing(make, tmp_path):
    shellcheck = Path(sys.executable).with_name("shellcheck")
    found = subprocess.run([shellcheck, make(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout) == (0, "")
