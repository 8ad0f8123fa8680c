"""The wish for the stream, of the local world and of an environment on AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from include.settings import settings
from pinpipe_cli import runs, stream, stream_status
from pinpipe_cli.databricks_workspace import Workspace

HOST = "dbc-1.cloud.databricks.com"
AS_WISHED = {"as_wished": True}


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """An environment on AWS; what is done there, in its order."""
    done: list[Any] = []
    monkeypatch.setenv("PINPIPE_ENV", "example-aws")
    for name in ("HOST", "TOKEN", "CLIENT_ID"):
        monkeypatch.delenv(f"DATABRICKS_{name}", raising=False)
    monkeypatch.setattr(stream, "airflow", lambda: "its Airflow")
    monkeypatch.setattr(stream_status, "write_wish", done.append)
    monkeypatch.setattr(stream_status, "stream_status", lambda: AS_WISHED)
    monkeypatch.setattr(runs, "run_dag", lambda *asked: done.append(asked[:2]))
    settings.cache_clear()
    yield done
    settings.cache_clear()


def test_a_wish_goes_to_the_environment_that_was_chosen(elsewhere: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", HOST)
    monkeypatch.setenv("DATABRICKS_TOKEN", "t")
    assert stream.see_to("running", lambda _: None) == AS_WISHED
    assert elsewhere == ["running", ("its Airflow", "stream_supervisor")]
    assert stream_status.databricks() == Workspace(f"https://{HOST}", "t")


def test_nothing_is_wished_where_its_end_could_not_be_told(elsewhere: list[Any]) -> None:
    with pytest.raises(LookupError, match="set DATABRICKS_HOST"):
        stream.see_to("stopped", lambda _: None)
    assert elsewhere == []
