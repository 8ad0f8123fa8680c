"""The driver's log: what an operator reads on a run's page."""

from __future__ import annotations

import logging


def log_to_driver() -> None:
    """Send log records to standard error, those of the clients below us only from warnings upwards."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for client in ("py4j", "boto3", "botocore"):
        logging.getLogger(client).setLevel(logging.WARNING)
