"""The one file that Airflow's plugin loader may run; it registers what templates may call, and the page *Pipeline*."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from pinpipe_airflow.idempotency import idempotency_token, job_run_id

log = logging.getLogger(__name__)


class PinpipePlugin(AirflowPlugin):
    """Adds the page; gives templates ``macros.pinpipe.idempotency_token(ti, dag_run)`` and ``….job_run_id(ti)``."""

    name = "pinpipe"
    macros = [idempotency_token, job_run_id]  # noqa: RUF012 - declared so by the base class
    external_views = [  # noqa: RUF012 - likewise
        # Relative to Airflow's own root, wherever that is.
        {"name": "Pipeline", "href": "pinpipe/", "url_route": "pipeline", "destination": "nav", "nav_top_level": True}
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """The page's application: made where it is asked for, in the API server, as workers need none of it."""
        try:
            from pinpipe_airflow.page.address import URL_PREFIX
            from pinpipe_airflow.page.app import create_page_app

            return [{"name": "Pipeline", "app": create_page_app(), "url_prefix": URL_PREFIX}]
        except Exception:
            # Raised from here it would keep Airflow's API server from starting, and every task with it.
            log.exception("The page Pipeline cannot be made, so Airflow goes without it")
            return []
