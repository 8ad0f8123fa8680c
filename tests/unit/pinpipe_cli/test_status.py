"""What the status says where parts of the world do not answer, and how it is printed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from include.settings import settings
from local import world
from pinpipe_cli import mwaa_airflow, stream_status
from pinpipe_cli import status as module
from pinpipe_cli.airflow_api import Airflow, AirflowApi, AirflowApiError
from pinpipe_cli.main import app
from pinpipe_cli.prometheus_text import prometheus_text
from pinpipe_cli.status_output import print_status

RUN = {
    "dag_run_id": "scheduled__1", "run_type": "scheduled", "state": "failed",
    "start_date": "2026-03-01T00:10:00Z", "end_date": "2026-03-01T00:12:30Z",
}  # fmt: skip
STREAM = {"state": "running", "as_wished": True, "detail": "", "lag_ms": 2345, "wish": "running", "beat_at": None}
FRESH = {"day": "2026-02-28", "finished_at": "", "read": 200, "quarantined": 3, "quarantined_share": 0.015}


def service(healthy: bool = True, state: str = "RUNNING", detail: str = "serves") -> dict[str, Any]:
    return {"state": state, "healthy": healthy, "detail": detail, "url": "http://127.0.0.1:1"}


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A world in which all is well: what its parts answer, to be changed by tests."""
    services = {name: service() for name in world.SERVICES}
    answers: dict[str, Any] = {
        "services": services,
        "dags": [{"dag_id": "clean_batch", "is_paused": False, "next_dagrun_run_after": "2026-03-02T00:00:00Z"}],
        "last_run": RUN,
        "errors": [],
    }

    def answer(name: str) -> Any:
        if isinstance(answers[name], Exception):
            raise answers[name]
        return answers[name]

    monkeypatch.setattr(world, "status", lambda: services)
    monkeypatch.setattr(world, "login", lambda: ("http://127.0.0.1:1", "admin", "secret"))
    monkeypatch.setattr(world, "disk", lambda: {"path": "/x", "free_bytes": 9 * 1024**3, "enough": True})
    monkeypatch.setattr(AirflowApi, "dags", lambda _: answer("dags"))
    monkeypatch.setattr(AirflowApi, "last_run", lambda *_: answer("last_run"))
    monkeypatch.setattr(AirflowApi, "import_errors", lambda _: answer("errors"))
    monkeypatch.setattr(module, "stream_status", lambda: STREAM)
    monkeypatch.setattr(module, "newest_cleaned_day", lambda: FRESH)
    return answers


def printed(found: dict[str, Any]) -> list[str]:
    stream = io.StringIO()
    print_status(found, stream)
    return stream.getvalue().splitlines()


def test_a_failed_last_run_is_shown_and_does_not_make_a_world_unhealthy(healthy: dict[str, Any]) -> None:
    found = module.status()
    assert (found["healthy"], found["unknown"], found["alerts"]) == (True, {}, [])
    assert found["dags"]["clean_batch"] == {
        "paused": False,
        "last_run": {
            "run_id": "scheduled__1", "run_type": "scheduled", "state": "failed",
            "start": "2026-03-01T00:10:00Z", "end": "2026-03-01T00:12:30Z",
        },
        "next_run": "2026-03-02T00:00:00Z",
    }  # fmt: skip


def test_a_dag_without_a_run_has_none(healthy: dict[str, Any]) -> None:
    healthy["last_run"] = None
    assert module.status()["dags"]["clean_batch"]["last_run"] is None


def test_without_airflow_the_dags_are_not_known_and_all_else_is(healthy: dict[str, Any]) -> None:
    healthy["services"]["airflow-api-server"] = service(False, detail="Connection refused")
    found = module.status()
    assert (found["dags"], found["import_errors"], found["healthy"]) == (None, None, False)
    assert found["unknown"] == {"dags": "airflow-api-server is not healthy (Connection refused)"}
    assert (found["stream"], found["freshness"]) == (STREAM, FRESH)


def test_an_airflow_that_does_not_answer_in_time_leaves_the_dags_unknown(healthy: dict[str, Any]) -> None:
    healthy["dags"] = AirflowApiError("Airflow does not answer")
    found = module.status()
    assert (found["dags"], found["unknown"], found["healthy"]) == (None, {"dags": "Airflow does not answer"}, False)


def test_without_s3_neither_stream_nor_cleaned_days_are_known(healthy: dict[str, Any]) -> None:
    healthy["services"]["ministack"] = service(False, "FATAL", "exited")
    found = module.status()
    assert (found["stream"], found["freshness"]) == (None, None)
    assert set(found["unknown"]) == {"stream", "freshness"}


@pytest.mark.parametrize(
    "broken", [KeyError("day"), ValueError("no JSON"), TypeError("'NoneType'"), AttributeError("get")], ids=repr
)
def test_a_part_whose_answer_is_broken_is_unknown_and_all_else_is_told(
    healthy: dict[str, Any], monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    healthy["last_run"] = broken
    found = module.status()
    assert found["unknown"] == {"dags": f"the answer is broken: {broken!r}"}
    assert (found["stream"], found["freshness"]) == (STREAM, FRESH)
    assert any(line.startswith("not known: dags: ") for line in printed(found))


@pytest.mark.parametrize(
    ("name", "alert"),
    [("kafka", "kafka-down"), ("postgres", "postgres-down"), ("ministack", "ministack-down")]
    + [(name, "service-unhealthy") for name in ("gateway", "connect", "airflow-triggerer")],
)
def test_an_unhealthy_service_is_an_alert_with_its_section_of_the_runbook(
    healthy: dict[str, Any], name: str, alert: str
) -> None:
    healthy["services"][name] = service(False, "BACKOFF", "exited too quickly")
    assert module.status()["alerts"] == [
        {"alert": alert, "what": f"{name}: exited too quickly", "runbook": f"docs/runbook.md#{alert}"}
    ]


def test_dag_files_that_do_not_load_are_unhealthy_and_told_with_their_error(healthy: dict[str, Any]) -> None:
    healthy["errors"] = [{"filename": "x.py", "stack_trace": "Traceback …\nNameError: no\n"}]
    found = module.status()
    assert (found["healthy"], found["import_errors"]) == (False, [{"file": "x.py", "error": "NameError: no"}])
    assert [alert["alert"] for alert in found["alerts"]] == ["dags-do-not-load"]


def test_a_disk_that_is_nearly_full_is_unhealthy(healthy: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "disk", lambda: {"path": "/x", "free_bytes": 1024**3, "enough": False})
    found = module.status()
    assert (found["healthy"], [alert["alert"] for alert in found["alerts"]]) == (False, ["disk-full"])
    assert printed(found)[-1].startswith("ALERT disk-full: /x: 1.0 GiB free; what to do: docs/runbook.md#disk-full")


def test_a_world_that_nobody_started_is_unhealthy_without_an_alert(healthy: dict[str, Any]) -> None:
    for name in world.SERVICES:
        healthy["services"][name] = service(False, "DOWN", "not started")
    found = module.status()
    assert (found["healthy"], found["alerts"]) == (False, [])
    assert printed(found)[-1] == "nothing runs: `pinpipe up` starts it"


def test_the_status_is_printed_in_tables_and_lines(healthy: dict[str, Any]) -> None:
    healthy["services"]["connect"] = service(False, "FATAL", "exited too quickly")
    lines = printed(module.status())
    rows = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert rows["kafka"] == ["RUNNING", "healthy", "http://127.0.0.1:1"]
    assert rows["connect"] == ["FATAL", "exited", "too", "quickly", "http://127.0.0.1:1"]
    assert rows["clean_batch"] == ["failed", "2026-03-01", "00:10", "150", "s", "2026-03-02", "00:00"]
    assert "stream: running, lag 2.3 s, as wished" in lines
    assert "newest cleaned day: 2026-02-28, 200 rows read, 1.50% of them quarantined" in lines


def test_a_paused_dag_has_no_next_run(healthy: dict[str, Any]) -> None:
    healthy["dags"][0]["is_paused"] = True
    (line,) = [line for line in printed(module.status()) if line.startswith("clean_batch")]
    assert line.split()[-1] == "paused"


@pytest.mark.parametrize(("option", "code"), [((), 1), (("--json",), 1), (("--prometheus",), 0)])
def test_the_exit_code_tells_whether_it_is_healthy_where_no_number_does(
    healthy: dict[str, Any], option: tuple[str, ...], code: int
) -> None:
    assert CliRunner().invoke(app, ["status", *option]).exit_code == 0
    healthy["services"]["kafka"] = service(False, "FATAL", "exited")
    assert CliRunner().invoke(app, ["status", *option]).exit_code == code


def test_the_json_is_what_the_status_is(healthy: dict[str, Any]) -> None:
    assert json.loads(CliRunner().invoke(app, ["status", "--json"]).output) == module.status()


class AirflowElsewhere(Airflow):
    """Airflow on MWAA, of which only lists are asked."""

    url = "https://abc.airflow.example"

    def call(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        assert method == "GET"
        return {
            "dags": {"dags": [{"dag_id": "clean_batch", "is_paused": True, "next_dagrun_run_after": None}]},
            "dags/clean_batch/dagRuns": {"dag_runs": [RUN]},
            "importErrors": {"import_errors": []},
        }[path]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """An environment on AWS whose MWAA is there; the local world may not be asked."""
    services = {"mwaa": service(state="AVAILABLE", detail="AVAILABLE")}
    monkeypatch.setenv("PINPIPE_ENV", "example-aws")
    for name in ("status", "login", "disk"):
        monkeypatch.setattr(world, name, lambda name=name: pytest.fail(f"the local world was asked: {name}"))
    monkeypatch.setattr(module, "mwaa_service", lambda: services)
    monkeypatch.setattr(module, "mwaa_airflow", AirflowElsewhere)
    monkeypatch.setattr(module, "newest_cleaned_day", lambda: FRESH)
    for name in ("HOST", "TOKEN", "CLIENT_ID"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    settings.cache_clear()
    yield services
    settings.cache_clear()


def test_of_an_environment_on_aws_all_that_can_be_asked_is_told(
    elsewhere: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "stream_status", lambda: STREAM)
    found = module.status()
    assert (found["healthy"], found["disk"], found["alerts"], found["unknown"]) == (True, None, [], {})
    assert found["dags"]["clean_batch"]["last_run"]["state"] == "failed"
    lines = printed(found)
    assert any(line.startswith("mwaa ") and "AVAILABLE" in line for line in lines)
    assert not [line for line in lines if line.startswith("disk")]
    assert "pinpipe_disk_free_bytes" not in prometheus_text(found)


def test_without_a_workspace_the_stream_alone_is_not_known(
    elsewhere: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_status, "_read", lambda _: None)
    found = module.status()
    assert (found["stream"], found["freshness"], set(found["unknown"])) == (None, FRESH, {"stream"})
    assert "set DATABRICKS_HOST" in found["unknown"]["stream"]


def test_an_mwaa_that_does_not_serve_is_not_healthy(elsewhere: dict[str, Any]) -> None:
    elsewhere["mwaa"] |= {"state": "UNAVAILABLE", "healthy": False, "detail": "UNAVAILABLE"}
    found = module.status()
    assert (found["healthy"], found["dags"]) == (False, None)
    assert found["unknown"]["dags"] == "mwaa is not healthy (UNAVAILABLE)"


def test_an_environment_without_mwaa_is_refused_with_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINPIPE_ENV", "example-aws")
    monkeypatch.setattr(mwaa_airflow, "settings", lambda: SimpleNamespace(env="example-aws", mwaa_environment=""))
    settings.cache_clear()
    with pytest.raises(LookupError, match="set mwaa_environment in include/environments/example-aws"):
        module.status()
    settings.cache_clear()
