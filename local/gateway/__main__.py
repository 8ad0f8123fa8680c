"""``python -m local.gateway``: serve on the gateway's port of the local world."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn

from local.gateway.app import create_app
from local.local_callers import LocalCallers
from local.ports import HOST, port


def main() -> None:
    """Serve until stopped; ``AWS_ENDPOINT_URL`` names ministack."""
    ministack = os.environ.get("AWS_ENDPOINT_URL")
    if not ministack:
        sys.exit("AWS_ENDPOINT_URL is not set: it names ministack, for example http://127.0.0.1:15566")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would write a line a request
    logging.getLogger("botocore").setLevel(logging.WARNING)  # and it one for each method of a deployment
    uvicorn.run(
        LocalCallers(create_app(ministack), browsers=True),  # no page sends an API key or a signature unasked
        host=HOST,
        port=port("gateway"),
        access_log=False,
        server_header=False,
        # Longer than clients keep idle connections: none writes a request into one that is being closed.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=15,  # the default waits for ever for a client that does
    )


if __name__ == "__main__":
    main()
