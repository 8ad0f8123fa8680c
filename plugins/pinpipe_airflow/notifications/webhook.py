"""Alerts by a webhook."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import requests
from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.alert import Alert

# To connect, and to wait for the answer. Who waits is the DAG processor, which gives a file 50 s, callbacks and all.
_TIMEOUT_S = (3, 5)


class WebhookError(RuntimeError):
    """A webhook did not take an alert; the message names the connection, and not the address, which may be a secret."""


class WebhookAlertNotifier(BaseNotifier):
    """Posts an alert as JSON.

    The connection is one of the HTTP provider: the whole URL as host, or ``schema``, host and port; login and password
    for basic authentication, or headers in its extra, such as ``{"Authorization": "Bearer …"}``. Of many a webhook the
    URL is the secret: without a host, the password is the whole URL, and there is no basic authentication. Airflow
    encrypts and hides a password, and neither a host.

    The request is made here, as the provider's own notifier writes the URL to the log where it is not reached.

    :param alert: what is told.
    :param http_conn_id: the Airflow connection.
    """

    def __init__(self, *, alert: Alert, http_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alert = alert
        self.http_conn_id = http_conn_id

    @cached_property
    def hook(self) -> HttpHook:
        """The hook that knows the connection."""
        return HttpHook(method="POST", http_conn_id=self.http_conn_id)

    def notify(self, context: Context) -> None:
        """Post the alert.

        :raises WebhookError: when it was not taken.
        """
        try:
            connection = self.hook.get_connection(self.http_conn_id)
            with self.hook.get_conn() as session:
                url = self.hook.base_url
                if not connection.host:
                    url, session.auth = connection.password or "", None
                # A redirect would hand headers and alert to somebody else; nothing of the answer's body is wanted.
                answer = session.post(
                    url, json=self.alert.document, timeout=_TIMEOUT_S, allow_redirects=False, stream=True
                )
        except (requests.RequestException, ValueError) as error:
            raise WebhookError(
                f"connection {self.http_conn_id!r} does not lead to a webhook that answers: {type(error).__name__}"
            ) from None  # it holds the URL
        if not 200 <= answer.status_code < 300:
            raise WebhookError(f"the webhook of connection {self.http_conn_id!r} answers {answer.status_code}")
