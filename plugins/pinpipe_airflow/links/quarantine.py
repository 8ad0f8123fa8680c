"""The link to what of a day was quarantined."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink

from pinpipe_airflow.links.linked_day import linked_day
from pinpipe_airflow.page.address import quarantine_of


class QuarantineLink(BaseOperatorLink):
    """Leads to the day on the page *Pipeline*."""

    name = "The day's quarantine"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address in Airflow's UI."""
        from airflow.sdk.configuration import conf

        base = conf.get("api", "base_url", fallback="http://localhost:8080")
        return f"{base.rstrip('/')}{quarantine_of(linked_day(operator))}"
