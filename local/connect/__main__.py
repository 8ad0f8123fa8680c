"""``python -m local.connect``: Kafka Connect's REST API on its port.

Takes ``PINPIPE_CONNECT_USER`` and ``PINPIPE_CONNECT_PASSWORD`` (who may ask), ``PINPIPE_KAFKA_BOOTSTRAP`` and
botocore's own variables (``AWS_ENDPOINT_URL``, credentials).
"""

from __future__ import annotations

import logging
import os

import uvicorn
from confluent_kafka.admin import AdminClient

from local.connect.app import create_app
from local.connect.basic_auth import BasicAuth
from local.connect.connector_store import ConnectorStore
from local.connect.sink_config import SinkConfig
from local.connect.task_thread import TaskThread
from local.connect.worker import Worker
from local.home import home
from local.ports import HOST, port


def main() -> None:
    """Serve until a signal comes; tasks leave their groups before it ends.

    :raises SystemExit: when the credentials are not set or the port is taken.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    user, password = (os.environ.get(f"PINPIPE_CONNECT_{name}") for name in ("USER", "PASSWORD"))
    if not user or not password:
        raise SystemExit("PINPIPE_CONNECT_USER and PINPIPE_CONNECT_PASSWORD must be set: nobody could ask otherwise")
    bootstrap_servers = os.environ.get("PINPIPE_KAFKA_BOOTSTRAP") or f"{HOST}:{port('kafka')}"

    def start_task(config: SinkConfig, number: int, paused: bool) -> TaskThread:
        return TaskThread(config, number, bootstrap_servers, paused=paused)

    worker = Worker(f"{HOST}:{port('connect')}", ConnectorStore(home() / "connect" / "connectors.json"), start_task)
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "client.id": "connect-metadata"})
    server = uvicorn.Config(
        create_app(worker, admin, BasicAuth(user, password)),
        host=HOST,
        port=port("connect"),
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=10,
    )
    # Bound before any task starts: a second process ends here instead of sharing the group.
    uvicorn.Server(server).run(sockets=[server.bind_socket()])


main()
