"""Serves the stand-in: ``python -m local.databricks``, with PINPIPE_DATABRICKS_TOKEN and PYSPARK_PYTHON set."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn

from local import ports
from local.databricks.app import application
from local.home import home, tools


def main() -> None:
    """Serve until SIGTERM or SIGINT, then end the runs."""
    token = os.environ.get("PINPIPE_DATABRICKS_TOKEN", "")
    if not token:
        sys.exit("PINPIPE_DATABRICKS_TOKEN is not set: give the token that clients are to send")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = application(
        state=home() / "databricks",
        jars=tools() / "jars" / "spark",
        base_url=ports.url("databricks"),
        token=token,
        environment=os.environ,
    )
    # No access log: the links to run pages carry their signature, and Airflow polls.
    uvicorn.run(
        app,
        host=ports.HOST,
        port=ports.port("databricks"),
        loop="asyncio",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
