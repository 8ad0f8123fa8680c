"""``python -m local.kafka_rest``: the REST proxy on its port; the broker by ``PINPIPE_KAFKA_BOOTSTRAP``."""

from __future__ import annotations

import logging
import os

import uvicorn

from local.kafka_rest.app import create_app
from local.local_callers import LocalCallers
from local.ports import HOST, port


def main() -> None:
    """Serve until a signal comes; requests under way are answered first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(os.environ.get("PINPIPE_KAFKA_BOOTSTRAP") or f"{HOST}:{port('kafka')}")
    uvicorn.run(
        LocalCallers(app, browsers=True),  # of the media type that it takes, no page sends unasked
        host=HOST,
        port=port("kafka_rest"),
        access_log=False,
        log_config=None,
        # Longer than the gateway keeps idle connections: it never writes into one that is being closed.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=30,
    )


main()
