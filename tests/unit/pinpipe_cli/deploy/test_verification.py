"""Whether Airflow is seen to run what was deployed, against a small server that answers as it does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pinpipe_cli.airflow_api import AirflowApi, AirflowApiError
from pinpipe_cli.deploy import verification
from pinpipe_cli.deploy.errors import DeploymentError
from pinpipe_cli.deploy.verification import verify
from tests.unit.pinpipe_cli.airflow_double import Airflow

SOURCES = {"clean_batch": "new", "provision": "p"}
NOW = datetime.now(UTC)


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    monkeypatch.setattr(verification, "_POLL_S", 0)
    double = Airflow()
    double.answers |= {
        "GET importErrors": (200, {"import_errors": []}),
        "GET dags": (200, {"dags": [{"dag_id": "clean_batch", "is_stale": False}, {"dag_id": "provision"}]}),
        "GET dagSources/clean_batch": (200, {"content": "new"}),
        "GET dagSources/provision": (200, {"content": "p"}),
    }
    yield double
    double.close()


def verified(airflow: Airflow, changed_at: datetime | None = NOW) -> list[str]:
    said: list[str] = []
    verify(AirflowApi(airflow.url, "admin", "p"), SOURCES, changed_at, said.append)
    return said


def broken(at: datetime) -> tuple[int, Any]:
    error = {"filename": "clean_batch.py", "stack_trace": "Traceback\nNameError: x", "timestamp": at.isoformat()}
    return 200, {"import_errors": [error]}


def test_what_is_as_deployed_is_told(airflow: Airflow) -> None:
    assert verified(airflow) == ["verified: 2 DAGs are as deployed, no file fails to load"]


def test_airflow_has_time_to_read_what_is_new(airflow: Airflow) -> None:
    airflow.answers["GET dagSources/clean_batch"] = [(200, {"content": "old"}), (200, {"content": "new"})]
    airflow.answers["GET dags"] = [
        (200, {"dags": [{"dag_id": "clean_batch"}]}),
        (200, {"dags": [{"dag_id": "clean_batch"}, {"dag_id": "provision", "is_stale": True}]}),
        airflow.answers["GET dags"],
    ]
    assert verified(airflow)[:-1] == [
        "  waiting for Airflow: there is no DAG provision",
        "  waiting for Airflow: provision is stale",
        "  waiting for Airflow: clean_batch is of another version",
    ]


def test_a_file_that_does_not_load_fails_and_is_named(airflow: Airflow) -> None:
    airflow.answers["GET importErrors"] = broken(NOW + timedelta(minutes=3))
    with pytest.raises(DeploymentError, match=r"clean_batch\.py: NameError: x"):
        verified(airflow)


def test_an_error_of_the_file_of_before_is_waited_out(airflow: Airflow) -> None:
    airflow.answers["GET importErrors"] = [broken(NOW - timedelta(days=1)), (200, {"import_errors": []})]
    assert verified(airflow)[0] == "  waiting for Airflow: files that do not load: clean_batch.py"


def test_an_old_error_counts_where_nothing_was_changed(airflow: Airflow) -> None:
    airflow.answers["GET importErrors"] = broken(NOW - timedelta(days=1))
    with pytest.raises(DeploymentError, match="NameError"):
        verified(airflow, None)


def test_dags_that_never_come_are_named(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "_TIMEOUT_S", 0.05)
    airflow.answers["GET dagSources/provision"] = (404, {"detail": "no code"})
    with pytest.raises(DeploymentError, match="does not run what was deployed: provision is of another version"):
        verified(airflow)


def test_an_airflow_that_is_away_is_asked_again(airflow: Airflow) -> None:
    airflow.answers["GET importErrors"] = [(503, {"detail": "starting"}), (200, {"import_errors": []})]
    assert "starting" in verified(airflow)[0]


def test_a_refusal_is_told_at_once(airflow: Airflow) -> None:
    airflow.answers["GET importErrors"] = (403, {"detail": "not allowed"})
    with pytest.raises(AirflowApiError, match="not allowed"):
        verified(airflow)
