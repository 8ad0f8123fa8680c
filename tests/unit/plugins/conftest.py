"""Airflow reads its settings when it is imported: before that, a home of its own and no example DAGs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pinpipe-airflow-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A served workspace of Databricks with Unity Catalog, and the Airflow connection to it."""
    from tests.unit.plugins.unity_workspace import UnityWorkspace, connection, serving

    with serving(UnityWorkspace()) as served:
        monkeypatch.setenv("AIRFLOW_CONN_DATABRICKS_DEFAULT", connection(served))
        yield served
