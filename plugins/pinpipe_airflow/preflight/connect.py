"""Whether Kafka Connect answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from requests import RequestException

from pinpipe_airflow.hooks.kafka_connect import KafkaConnectHook
from pinpipe_airflow.made_here import uses_msk_connect
from pinpipe_airflow.preflight.connections import look_up
from pinpipe_airflow.preflight.result import Check, Finding, not_checked, ok, wrong

if TYPE_CHECKING:
    from include.settings import Settings

SUBJECT = "Kafka Connect"
_TIMEOUT_S = 8.0


def look(wanted: Settings) -> Iterator[Finding]:
    """Ask for the sink connector, which need not be there."""
    if uses_msk_connect(wanted):
        yield not_checked(SUBJECT, "MSK Connect runs the connectors, provision makes them")
        return
    if look_up(wanted.connect_conn_id) is None:
        yield not_checked(SUBJECT, f"connection {wanted.connect_conn_id} is not defined")
        return
    hook = KafkaConnectHook(wanted.connect_conn_id, request_timeout=_TIMEOUT_S, patient=False)
    try:
        there = hook.config(wanted.sink_connector) is not None
    except (RequestException, RuntimeError, ValueError) as error:
        yield wrong(
            SUBJECT,
            str(error),
            f"see that it runs, and that host, port, login and password in {wanted.connect_conn_id} are its own",
        )
        return
    yield ok(SUBJECT, f"it answers; connector {wanted.sink_connector} is {'there' if there else 'not there yet'}")


CHECKS = (Check(SUBJECT, look),)
