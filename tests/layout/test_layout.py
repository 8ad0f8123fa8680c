"""DAGs and plugins work where MWAA puts them, with what requirements.txt installs."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

import pytest

from tests.layout.conftest import ROOT, Layout

pytestmark = pytest.mark.layout

# https://github.com/aws/amazon-mwaa-docker-images, images/airflow/*/python/mwaa/utils/user_requirements.py
INSTALLATION_IS_CUT_OFF_AFTER_S = 9 * 60

DAG_IDS = {
    "analytics",
    "clean_batch",
    "emulate_batch",
    "emulate_stream",
    "maintain",
    "provision",
    "stream_supervisor",
    "teardown",
}


def test_nothing_that_is_not_deployed_can_be_imported(found: dict[str, Any]) -> None:
    assert found["not_deployed"] == []


def test_every_dag_is_there_and_no_file_has_an_error(found: dict[str, Any]) -> None:
    assert found["dags"]["errors"] == {}
    assert set(found["dags"]["tasks"]) >= DAG_IDS
    assert len(found["dags"]["tasks"]) == len(list((ROOT / "dags").glob("*.py")))


def test_every_dag_comes_back_from_airflows_database_with_its_tasks(found: dict[str, Any]) -> None:
    assert found["dags"]["lost"] == {}
    assert all(found["dags"]["tasks"].values())


def test_the_plugin_is_loaded_and_no_other_file_is_taken_for_one(found: dict[str, Any]) -> None:
    assert "pinpipe" in found["plugins"]["names"]
    assert found["plugins"]["errors"] == {}


def test_every_module_of_the_plugins_can_be_imported_from_there(found: dict[str, Any], layout: Layout) -> None:
    assert found["modules"]["errors"] == {}
    places = found["modules"]["places"]
    assert all(Path(place).is_relative_to(layout.plugins) for place in places.values() if place)
    kinds = ("hooks", "operators", "sensors", "triggers", "notifications")
    assert not [kind for kind in kinds if not any(name.startswith(f"pinpipe_airflow.{kind}.") for name in places)]


def test_every_trigger_comes_back_from_airflows_database_as_it_was(found: dict[str, Any]) -> None:
    assert {name: wrong for name, wrong in found["triggers"].items() if wrong} == {}
    assert set(found["triggers"]) >= set(_declared_triggers())


def _declared_triggers() -> list[str]:
    return [
        f"pinpipe_airflow.triggers.{path.stem}.{node.name}"
        for path in (ROOT / "plugins" / "pinpipe_airflow" / "triggers").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Trigger") and not node.name.startswith("_")
        if "abstractmethod" not in {decorator for part in node.body for decorator in _decorators(part)}
    ]


def _decorators(part: ast.stmt) -> list[str]:
    return [ast.unparse(decorator) for decorator in getattr(part, "decorator_list", [])]


@pytest.mark.skipif("LAYOUT_INSTALL_SECONDS" not in os.environ, reason="`make test-airflow` measures it")
def test_the_requirements_are_installed_before_mwaa_cuts_that_off(found: dict[str, Any]) -> None:
    seconds = int(Path(os.environ["LAYOUT_INSTALL_SECONDS"]).read_text())
    print(f"pip installed requirements.txt beside Airflow {found['airflow']} in {seconds} s")
    assert seconds < INSTALLATION_IS_CUT_OFF_AFTER_S


@pytest.mark.skipif("LAYOUT_AIRFLOW" not in os.environ, reason="no version is asked for")
def test_it_is_the_airflow_that_was_asked_for(found: dict[str, Any]) -> None:
    assert (found["airflow"], found["python"]) == (os.environ["LAYOUT_AIRFLOW"], [3, 12])
