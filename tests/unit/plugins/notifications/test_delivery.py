"""Alerts reach every target that can be reached, and no log holds a webhook's secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from pinpipe_airflow.alert import Alert
from pinpipe_airflow.notifications import delivery
from pinpipe_airflow.notifications import webhook as module
from pinpipe_airflow.notifications.delivery import deliver
from pinpipe_airflow.notifications.webhook import WebhookAlertNotifier, WebhookError

from include.alerts import AlertId
from include.settings import settings
from tests.webhook_receiver import Receiver, receiver

ALERT = Alert(alert_id=AlertId.SINK_BEHIND, what="so it is", dag_id="clean_batch", run_id="r", pipeline="p (local)")
SECRET_PATH = "services/T0/B0/very-secret"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver() as found:
        connection = {
            "conn_type": "http",
            "host": f"{found.url}/{SECRET_PATH}",
            "extra": {"Authorization": "Bearer very-secret-token"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_PAGER", json.dumps(connection))
        closed = f"http://127.0.0.1:9/{SECRET_PATH}"
        monkeypatch.setenv("AIRFLOW_CONN_CLOSED", json.dumps({**connection, "host": closed}))
        monkeypatch.setenv("AIRFLOW_CONN_ODD", json.dumps({**connection, "host": f"://{SECRET_PATH}"}))
        # The whole URL is the password; the login means nothing then.
        for name, url in (("SEALED", connection["host"]), ("SEALED_CLOSED", closed), ("SEALED_ODD", SECRET_PATH)):
            sealed = {"conn_type": "http", "login": "nobody", "password": url}
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", json.dumps(sealed))
        yield found


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    settings.cache_clear()
    monkeypatch.setattr(delivery, "_PAUSE_S", 0)
    yield monkeypatch
    settings.cache_clear()


def test_a_webhook_gets_the_alert_as_json_with_the_connections_headers(hook: Receiver) -> None:
    WebhookAlertNotifier(alert=ALERT, http_conn_id="pager").notify({})
    assert hook.alerts == [ALERT.document]
    assert hook.headers[0]["Authorization"] == "Bearer very-secret-token"
    assert hook.headers[0]["Content-Type"] == "application/json"


def test_a_webhook_whose_url_is_the_secret_has_it_as_its_connections_password(hook: Receiver) -> None:
    WebhookAlertNotifier(alert=ALERT, http_conn_id="sealed").notify({})
    assert hook.alerts == [ALERT.document]
    assert "Authorization" not in hook.headers[0]
    with pytest.raises(WebhookError, match="connection 'sealed_odd' does not lead to a webhook that answers: Missing"):
        WebhookAlertNotifier(alert=ALERT, http_conn_id="sealed_odd").notify({})


@pytest.mark.parametrize("status", [301, 302, 400, 403, 500])
def test_a_webhook_that_does_not_take_it_is_an_error_with_its_answer(hook: Receiver, status: int) -> None:
    hook.status = status
    with pytest.raises(WebhookError, match=f"connection 'pager' answers {status}"):
        WebhookAlertNotifier(alert=ALERT, http_conn_id="pager").notify({})
    assert len(hook.alerts) == 1, "neither tried again nor redirected"


def test_a_webhook_that_does_not_answer_is_given_up(hook: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    hook.silent.set()
    monkeypatch.setattr(module, "_TIMEOUT_S", (3, 0.2))
    with pytest.raises(WebhookError, match="connection 'pager' does not lead to a webhook that answers: ReadTimeout"):
        WebhookAlertNotifier(alert=ALERT, http_conn_id="pager").notify({})


def test_a_target_that_fails_is_logged_and_the_others_get_the_alert(
    hook: Receiver, targets: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    targets.setenv("PINPIPE_ALERTS", "webhook:unknown, webhook:closed, webhook:odd, webhook:pager, log")
    with caplog.at_level(logging.DEBUG):
        deliver(ALERT)
    assert hook.alerts == [ALERT.document]
    refused = [record.getMessage() for record in caplog.records if "Not delivered" in record.getMessage()]
    assert [message.split(" (")[0] for message in refused] == [
        "Not delivered to webhook:unknown", "Not delivered to webhook:closed", "Not delivered to webhook:odd",
    ]  # fmt: skip
    assert "isn't defined" in refused[0]
    assert all(ALERT.line in message for message in refused), "else an alert without another target would be lost"


def test_a_target_that_fails_is_tried_once_more_after_the_others(
    hook: Receiver, targets: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def well_again(_: float) -> None:
        assert "ALERT firing" in capsys.readouterr().out, "the log had to wait"
        hook.status = 200

    targets.setenv("PINPIPE_ALERTS", "webhook:pager, log")
    targets.setattr(delivery.time, "sleep", well_again)
    hook.status = 503
    deliver(ALERT)
    assert hook.alerts == [ALERT.document] * 2
    assert "Not delivered" not in capsys.readouterr().out


def test_targets_that_took_long_are_not_tried_again(
    hook: Receiver, targets: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    targets.setenv("PINPIPE_ALERTS", "webhook:pager")
    targets.setattr(delivery, "_TRIED_AGAIN_WITHIN_S", 0)
    hook.status = 503
    deliver(ALERT)
    assert (len(hook.alerts), caplog.text.count("Not delivered")) == (1, 1)


def test_no_log_holds_a_webhooks_secrets(
    hook: Receiver, targets: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ("closed", "odd", "pager", "sealed", "sealed_closed", "sealed_odd")
    targets.setenv("PINPIPE_ALERTS", ", ".join(f"webhook:{name}" for name in names))
    hook.status = 500
    with caplog.at_level(logging.INFO):
        deliver(ALERT)
    written = caplog.text + "".join(capfd.readouterr())
    assert written.count("Not delivered") >= len(names)
    assert "very-secret" not in written
