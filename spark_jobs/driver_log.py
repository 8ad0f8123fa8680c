"""The driver's log: what an operator reads on a run's page."""

from __future__ import annotations

import logging

_CAUSE = "Caused by: "


def log_to_driver() -> None:
    """Send log records to standard error, those of the clients below us only from warnings upwards."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for client in ("py4j", "boto3", "botocore"):
        logging.getLogger(client).setLevel(logging.WARNING)


def in_short(error: BaseException) -> str:
    """Return an error's first line and its cause, without the stack that an error of the JVM brings along."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("\t")]
    causes = [line.removeprefix(_CAUSE) for line in lines if line.startswith(_CAUSE)]
    told = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if len(lines) > 1 and lines[1].startswith(": "):  # of the JVM, named in the line after
        told += f" {lines[1].removeprefix(': ')}"
    return told if not causes or causes[-1] in told else f"{told}; caused by {causes[-1]}"
