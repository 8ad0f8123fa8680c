"""How everything is: services, DAGs, the stream, the newest cleaned day; each part asked for itself.

Of an environment on AWS, MWAA stands for the services: it is what runs all the time, and AWS watches the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from include.alerts import AlertId, runbook_section
from include.settings import settings
from local import world
from pinpipe_cli.airflow_api import Airflow, AirflowApi, AirflowApiError
from pinpipe_cli.chosen_environment import LOCAL
from pinpipe_cli.freshness import newest_cleaned_day
from pinpipe_cli.mwaa_airflow import MWAA, mwaa_airflow, mwaa_service
from pinpipe_cli.stream_status import stream_status

_ANSWER_WITHIN_S = 5
_SERVICE_ALERTS = {
    "postgres": AlertId.POSTGRES_DOWN,
    "kafka": AlertId.KAFKA_DOWN,
    "ministack": AlertId.MINISTACK_DOWN,
}

type Services = Mapping[str, Mapping[str, Any]]


def status() -> dict[str, Any]:
    """Return how everything is; a part that cannot be asked is ``None`` and under ``unknown`` with the reason.

    :returns: ``healthy``: whether every service is, every DAG file can be read, and the disk is not full. ``services``
        as :func:`local.world.status` gives them, or MWAA alone. ``dags``: by id ``paused``, ``last_run`` (``run_id``,
        ``run_type``, ``state``, ``start``, ``end``; or ``None``) and ``next_run``. ``import_errors``: ``file`` and
        ``error`` of each. ``stream`` as :func:`~pinpipe_cli.stream_status.stream_status` gives it. ``freshness`` as
        :func:`~pinpipe_cli.freshness.newest_cleaned_day` gives it. ``disk`` as :func:`local.world.disk` gives it,
        ``None`` on AWS. ``unknown``: by part why. ``alerts``: what of this somebody should see to:
        ``alert``, ``what``, ``runbook``.
    :raises LookupError: when the environment names no MWAA environment.
    """
    here = settings().env == LOCAL
    services = world.status() if here else mwaa_service()
    healthy = {name: bool(service["healthy"]) for name, service in services.items()}
    unknown: dict[str, str] = {}

    def asked(part: str, question: Callable[[], Any], *needed: str) -> Any:
        down = [f"{name} is not healthy ({services[name]['detail']})" for name in needed if not healthy[name]]
        try:
            if not down:
                return question()
        except (AirflowApiError, LookupError, ValueError, TypeError, AttributeError) as error:
            down = [str(error) if type(error) in (AirflowApiError, LookupError) else f"the answer is broken: {error!r}"]
        unknown[part] = "; ".join(down)
        return None

    dags, import_errors = asked("dags", _dags, "airflow-api-server" if here else MWAA) or (None, None)
    disk = world.disk() if here else None
    return {
        "healthy": all(healthy.values()) and import_errors == [] and (disk is None or disk["enough"]),
        "services": services,
        "dags": dags,
        "import_errors": import_errors,
        "stream": asked("stream", stream_status, *(("ministack", "databricks") if here else ())),
        "freshness": asked("freshness", newest_cleaned_day, *(("ministack",) if here else ())),
        "disk": disk,
        "unknown": unknown,
        "alerts": _alerts(services, import_errors or [], disk),
    }


def _dags() -> tuple[dict[str, Any], list[dict[str, str]]]:
    api = _airflow()
    dags = {
        dag["dag_id"]: {
            "paused": dag["is_paused"],
            "last_run": _run(api.last_run(dag["dag_id"])),
            "next_run": dag["next_dagrun_run_after"],
        }
        for dag in api.dags()
    }
    errors = [
        {"file": found["filename"], "error": (found["stack_trace"].strip().splitlines() or [""])[-1]}
        for found in api.import_errors()
    ]
    return dags, errors


def _airflow() -> Airflow:
    if settings().env == LOCAL:
        return AirflowApi(*world.login(), timeout_s=_ANSWER_WITHIN_S, patient=False)
    return mwaa_airflow()


def _run(run: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "run_id": run["dag_run_id"],
        "run_type": run["run_type"],
        "state": run["state"],
        "start": run["start_date"],
        "end": run["end_date"],
    }


def _alerts(
    services: Services, import_errors: list[dict[str, str]], disk: Mapping[str, Any] | None
) -> list[dict[str, str]]:
    found = [
        (_SERVICE_ALERTS.get(name, AlertId.SERVICE_UNHEALTHY), f"{name}: {service['detail'] or 'unhealthy'}")
        for name, service in services.items()
        if not service["healthy"] and service["state"] != "DOWN"  # nobody has started those
    ]
    found += [(AlertId.DAGS_DO_NOT_LOAD, f"{broken['file']}: {broken['error']}") for broken in import_errors]
    if disk and not disk["enough"]:
        found.append((AlertId.DISK_FULL, f"{disk['path']}: {disk['free_bytes'] / 1024**3:.1f} GiB free"))
    return [
        {"alert": str(alert_id), "what": what, "runbook": runbook_section(settings().runbook_url, alert_id)}
        for alert_id, what in found
    ]
