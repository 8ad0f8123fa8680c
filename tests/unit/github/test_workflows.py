"""``.github/workflows``: of the form that GitHub takes, and with no more rights than they need."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v[0-9]+\.[0-9]+\.[0-9]+")
EACH = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)


def read(workflow: Path) -> dict[str, Any]:
    """Return a workflow; YAML 1.1 takes its ``on`` for a truth."""
    written = yaml.safe_load(workflow.read_text())
    return {"on" if key is True else key: value for key, value in written.items()}


def named(name: str) -> dict[str, Any]:
    return read(ROOT / ".github" / "workflows" / f"{name}.yml")


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_there_are_three():
    assert [workflow.stem for workflow in WORKFLOWS] == ["audit", "deploy", "test"]


def test_advisories_are_looked_for_each_week():
    audit = named("audit")
    assert [len(each["cron"].split()) for each in audit["on"]["schedule"]] == [5]
    assert steps(audit)[-1]["run"] == "make audit"


def test_github_takes_them():
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.skipif(not shutil.which("actionlint"), reason="actionlint is no package of PyPI's: go install it")
@EACH
def test_actionlint_finds_nothing(workflow):
    found = subprocess.run(
        ["actionlint", str(workflow)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


@EACH
def test_actions_of_others_are_pinned_to_a_commit(workflow):
    used = [line.strip().removeprefix("- ") for line in workflow.read_text().splitlines() if "uses:" in line]
    assert [line for line in used if not PINNED.fullmatch(line) and line != "uses: ./.github/workflows/test.yml"] == []


@EACH
def test_every_job_says_what_it_may_do_and_how_long(workflow):
    written = read(workflow)
    assert written["permissions"] == {}
    for name, job in written["jobs"].items():
        rights = dict(job["permissions"])
        assert rights.pop("contents") == "read"
        assert rights == ({"id-token": "write"} if (workflow.stem, name) == ("deploy", "deploy") else {})
        assert "uses" in job or job["timeout-minutes"] <= 240


@EACH
def test_no_script_holds_what_others_may_write(workflow):
    """What ``${{ … }}`` puts into a script is run: names of branches and tags are anybody's."""
    assert [step["run"] for step in steps(read(workflow)) if "${{" in step.get("run", "")] == []


@EACH
def test_no_secret_is_stored(workflow):
    assert "secrets." not in workflow.read_text()
    assert "aws-secret-access-key" not in workflow.read_text()


def test_the_token_of_the_checkout_is_not_left_behind():
    for name in ("audit", "test", "deploy"):
        checkouts = [step for step in steps(named(name)) if step.get("uses", "").startswith("actions/checkout@")]
        assert checkouts
        assert all(checkout["with"] == {"persist-credentials": False} for checkout in checkouts)


def test_what_is_tested_is_make_test():
    assert "make test" in [step.get("run") for step in steps(named("test"))]
    others = {path.name.split("-")[2] for path in (ROOT / "locks").glob("constraints-airflow-*.txt")} - {"3.3.1"}
    for version in others:
        assert f"make test-airflow AIRFLOW={version}" in [step.get("run") for step in steps(named("test"))]
    assert named("deploy")["jobs"]["test"]["uses"] == "./.github/workflows/test.yml"
    assert "workflow_call" in named("test")["on"]


def test_only_tags_of_versions_are_deployed_once_they_are_tested():
    deploy = named("deploy")
    assert deploy["on"] == {"push": {"tags": ["v*"]}}
    assert deploy["jobs"]["deploy"]["needs"] == "test"
    assert deploy["concurrency"]["cancel-in-progress"] is False


def test_who_deploys_passes_the_protection_of_the_environment():
    """The role in ``include/bootstrap.yaml`` trusts jobs of the environment of this name alone."""
    assert named("deploy")["jobs"]["deploy"]["environment"] == "${{ vars.PINPIPE_ENV }}"


def test_nothing_is_installed_once_there_are_credentials():
    names = [step.get("name") or step.get("run") or step["uses"] for step in steps(named("deploy"))]
    assert names[-3:] == ["make install", "Become the role that deploys", "Deploy"]


def test_tokens_are_masked_before_they_are_used():
    script = steps(named("deploy"))[-1]["run"]
    assert script.index("add-mask::$identity") < script.index("subject_token=")
    assert script.index("add-mask::$DATABRICKS_TOKEN") < script.index("export DATABRICKS_TOKEN")
    assert script.rstrip().endswith('.venv/bin/pinpipe deploy --env "$PINPIPE_ENV"')
