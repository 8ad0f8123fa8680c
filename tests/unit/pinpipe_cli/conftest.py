from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.pinpipe_cli.airflow_double import Airflow


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    double = Airflow()
    yield double
    double.close()
