"""What the routes answer to somebody who may see the page; who that is, Airflow is asked in the integration tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from fastapi.testclient import TestClient
from pinpipe_airflow.page import app
from pinpipe_airflow.page.pipeline import Pipeline
from pinpipe_airflow.page.receipt_shelf import ReceiptShelf
from pinpipe_airflow.page.runs import Runs

from include.settings import settings
from tests.unit.plugins.page.sample_pipeline import Objects, ObjectsHook, running, sample_pipeline, states

NOW = datetime.now(UTC)
YESTERDAY = NOW.date() - timedelta(days=1)


class Unreachable(Objects):
    """S3 where no connection is taken."""

    def _refuse(self, **_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="http://s3")

    get_object = paginate = _refuse


class Everybody(app.Asking):
    """Somebody who may see and do everything."""

    def _may(self, *_: Any) -> bool:
        return True


def client_of(source: Any, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.setattr(app, "pipeline", lambda: source)
    served = app.create_page_app()
    for of_every_route in served.router.dependencies:
        served.dependency_overrides[of_every_route.dependency] = lambda: None
    served.dependency_overrides[app.asking] = lambda: Everybody(None, source)  # type: ignore[arg-type]
    return TestClient(served, raise_server_exceptions=False)


def guarded(answer: Any) -> bool:
    return "script-src 'sha256-" in answer.headers.get("content-security-policy", "") and (
        answer.headers.get("x-content-type-options"), answer.headers.get("cache-control")
    ) == ("nosniff", "no-store")  # fmt: skip


def test_a_day_is_a_page_that_says_so_when_s3_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = ReceiptShelf(ObjectsHook(Unreachable({})))
    down = Pipeline(settings(), shelf, running(NOW), lambda *_: Runs(), lambda *_: None)
    answer = client_of(down, monkeypatch).get(f"/days/{YESTERDAY}")
    assert answer.status_code == 200
    assert guarded(answer)
    assert "The receipt cannot be read: EndpointConnectionError: " in answer.text
    assert "Whether records came late cannot be said: EndpointConnectionError: " in answer.text


@pytest.mark.parametrize(
    "day", ["1609459200", "20260131", "2026-1-31", "٢٠٢٦-٠١-٠١", "today", "2026-02-31T00:00", "<b>"]
)
def test_what_is_not_written_as_a_day_is_none(monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    answer = client_of(states(NOW)["empty"], monkeypatch).get(f"/days/{day}")
    assert (answer.status_code, answer.json()) == (422, {"detail": "That is not a day: write YYYY-MM-DD"})
    assert guarded(answer)


def test_a_day_that_no_calendar_has_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = client_of(states(NOW)["empty"], monkeypatch).get("/days/2026-02-31")
    assert (answer.status_code, guarded(answer)) == (404, True)


def test_a_fault_of_the_page_itself_is_told_behind_the_same_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    source = states(NOW)["empty"]
    monkeypatch.setattr(app, "render_day", lambda *_, **__: 1 / 0)
    answer = client_of(source, monkeypatch).get(f"/days/{YESTERDAY}")
    assert (answer.status_code, guarded(answer)) == (500, True)
    assert answer.json()["detail"].startswith("The page cannot be made")


@pytest.mark.parametrize("path", ["/", "/pipeline.json", f"/days/{YESTERDAY}", "/nothing"])
def test_every_answer_has_the_headers(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    assert guarded(client_of(states(NOW)["full"], monkeypatch).get(path))


def test_figures_hold_what_utf_8_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = sample_pipeline({}, running(NOW, connector="FAILED: \ud800"))
    answer = client_of(odd, monkeypatch).get("/pipeline.json")
    assert answer.status_code == 200
    texts = {station["id"]: station["text"] for station in answer.json()["stations"]}
    assert any("\ud800" in text for text in texts.values())
