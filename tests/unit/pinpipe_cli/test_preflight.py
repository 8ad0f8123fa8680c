from __future__ import annotations

import json
import os

import pytest
from typer.testing import CliRunner

from include.settings import settings
from pinpipe_cli.main import app
from pinpipe_cli.plan import is_plan, print_plan
from pinpipe_cli.preflight import airflow_variables


@pytest.fixture(autouse=True)
def own_variables(monkeypatch):
    before = dict(os.environ)
    settings.cache_clear()
    yield
    settings.cache_clear()
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def preflight(monkeypatch):
    """Run the command with checks of the test's own."""

    def run(*arguments, findings):
        monkeypatch.setattr("pinpipe_airflow.preflight.running.run_checks", lambda wanted: findings)
        monkeypatch.setattr("pinpipe_cli.preflight._quiet", lambda: None)
        return CliRunner().invoke(app, ["preflight", "--env", "example-aws", *arguments])

    return run


def test_it_exits_with_0_unless_anything_is_wrong(preflight):
    from pinpipe_airflow.preflight.result import ok, warning, wrong

    good = preflight(findings=[ok("a", "well"), warning("b", "so so", "mend b")])
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, "1 warning, 1 ok")
    bad = preflight(findings=[wrong("c", "broken", "mend c")])
    assert (bad.exit_code, "-> mend c" in bad.output) == (1, True)


def test_json_holds_the_environment_and_every_finding(preflight):
    from pinpipe_airflow.preflight.result import wrong

    done = preflight("--json", findings=[wrong("c", "broken", "mend c")])
    finding = {"subject": "c", "outcome": "wrong", "found": "broken", "way_out": "mend c"}
    assert json.loads(done.output) == {"env": "example-aws", "findings": [finding]}
    assert done.exit_code == 1


def test_on_aws_connections_come_from_secrets_manager(monkeypatch):
    variables = airflow_variables("example-aws", "team/connections")
    assert variables["AIRFLOW__SECRETS__BACKEND"].endswith("SecretsManagerBackend")
    assert json.loads(variables["AIRFLOW__SECRETS__BACKEND_KWARGS"])["connections_prefix"] == "team/connections"
    assert "AWS_ENDPOINT_URL" not in variables


def test_a_laptop_without_a_world_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PINPIPE_HOME", str(tmp_path))
    with pytest.raises(LookupError, match=r"there is no world in .* yet: `pinpipe up` makes it"):
        airflow_variables("local", "")


def test_a_run_that_plans_ends_with_the_plan():
    class Api:
        def xcom(self, dag_id, run_id, task_id):
            return f"the plan of {dag_id} {run_id} {task_id}"

    said = []
    print_plan(Api(), "r1", said.append)
    assert said == ["\nthe plan of provision r1 receipt"]
    assert is_plan("provision", {"mode": "plan"})
    assert not is_plan("provision", {})
    assert not is_plan("teardown", {"mode": "plan"})
