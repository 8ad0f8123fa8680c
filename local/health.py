"""Health of the local services, asked of each service itself: a port that answers is not enough."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from local import ports, postgres

_TIMEOUT_S = 1.0
AIRFLOW_COMPONENTS = {  # our program -> its name in Airflow's own health report
    "airflow-api-server": None,
    "airflow-scheduler": "scheduler",
    "airflow-dag-processor": "dag_processor",
    "airflow-triggerer": "triggerer",
}


@dataclass(frozen=True)
class Health:
    """Whether a service serves, what it says, and where it is."""

    healthy: bool
    detail: str
    url: str


def check(services: Iterable[str], secrets: dict[str, str]) -> dict[str, Health]:
    """Ask the named services side by side.

    :param secrets: as :func:`local.secret_store.load` gives them.
    :returns: the health of each, by name; a silent service is unhealthy after a second.
    """
    names = list(services)
    questions: dict[str, Callable[[], Health]] = {name: _question(name, secrets) for name in names}
    with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
        return dict(zip(names, pool.map(lambda name: questions[name](), names), strict=True))


def _question(name: str, secrets: dict[str, str]) -> Callable[[], Health]:
    if name == "postgres":
        return partial(_postgres, secrets["postgres_password"])
    if name == "kafka":
        return _kafka
    if name in AIRFLOW_COMPONENTS:
        return partial(_airflow, AIRFLOW_COMPONENTS[name])
    path = "/_ministack/health" if name == "ministack" else "/health"
    return partial(_http, ports.url(name), path)


def _postgres(password: str) -> Health:
    import psycopg2

    where = f"postgresql://{ports.HOST}:{ports.port('postgres')}"
    try:
        postgres.connect("postgres", password, timeout_s=1).close()
    except psycopg2.Error as error:
        return Health(False, str(error).strip().splitlines()[0], where)
    return Health(True, "accepts connections", where)


def _kafka() -> Health:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    where = f"{ports.HOST}:{ports.port('kafka')}"
    try:
        metadata = AdminClient({"bootstrap.servers": where, "log_level": 0}).list_topics(timeout=_TIMEOUT_S)
    except KafkaException as error:
        return Health(False, str(error.args[0].str()), where)
    return Health(True, f"{len(metadata.brokers)} broker, {len(metadata.topics)} topics", where)


def _http(url: str, path: str) -> Health:
    status, body = _get(url + path)
    if status == 200:
        return Health(True, "serves", url)
    return Health(False, str(body.get("detail") or body.get("reason") or body.get("error") or body), url)


def _airflow(component: str | None) -> Health:
    url = ports.url("airflow")
    status, body = _get(f"{url}/api/v2/monitor/health")
    if status != 200:
        return Health(False, str(body.get("error") or body), url)
    part = body["metadatabase" if component is None else component]
    return Health(part["status"] == "healthy", f"{part['status']}", url)


def _get(url: str) -> tuple[int, dict[str, Any]]:
    """Return status and JSON body; status 0 and an ``error`` where nothing sensible answered."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # nosec B310 # noqa: S310 - http to loopback only
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        try:
            return error.code, json.loads(text)
        except ValueError:
            return error.code, {"error": f"HTTP {error.code}: {text[:200]}"}
    except (OSError, ValueError) as error:
        return 0, {"error": str(getattr(error, "reason", error))}
