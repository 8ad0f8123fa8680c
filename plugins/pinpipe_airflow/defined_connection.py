"""Whether an Airflow connection is defined."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook


def find_connection(conn_id: str) -> Any | None:
    """Return a connection from the environment or the secrets backend, ``None`` where none has it.

    :param conn_id: its id.
    """
    try:
        return BaseHook.get_connection(conn_id)
    except Exception as error:
        # Airflow has moved this exception from one package to another.
        if "isn't defined" in str(error) or type(error).__name__ == "AirflowNotFoundException":
            return None
        raise
