"""The project's own PostgreSQL, on a free port and with a folder of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from unittest import mock

import psycopg2

from local import postgres

_USUAL_PORT = 15432


class PostgreSql:
    """A server to start and stop; its administrator is ``postgres``."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.password = "of the administrator"
        self._environment = {"PINPIPE_HOME": str(home), "PINPIPE_PORT_OFFSET": str(self.port - _USUAL_PORT)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Make the data folder once, start the server and wait until it takes the password."""
        with mock.patch.dict(os.environ, self._environment):
            postgres.prepare(self.password)
            # Without it, recovery from the crash of `stop` syncs every file of the data folder first.
            command = [*postgres.command(), "-c", "fsync=off"]
            self._process = subprocess.Popen(
                command, user=postgres.run_as(), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                self._connect("postgres").close()
            except psycopg2.OperationalError:
                assert self._process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "no connection within 30 s"
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """End the server as a crash does, but with all of its processes; its data stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=30)
            self._process = None

    def remove(self) -> None:
        """Delete the stopped server's folder."""
        with mock.patch.dict(os.environ, self._environment):
            postgres.remove()

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the administrator."""
        connection = self._connect(database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname=database,
            connect_timeout=5,
        )
