"""Where the page is, below Airflow's own root."""

from __future__ import annotations

URL_PREFIX = "/pinpipe"


def quarantine_of(day: str) -> str:
    """Return the path of a day's quarantine.

    :param day: ``YYYY-MM-DD``.
    """
    return f"{URL_PREFIX}/days/{day}#quarantine"
