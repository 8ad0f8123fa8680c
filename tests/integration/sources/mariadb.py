"""A MariaDB server of Debian's packages: an unprivileged process in a folder of its own, on a free port of loopback."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pymysql

UNPRIVILEGED = "nobody"
PROGRAMS = ("mariadbd", "mariadb-install-db", "my_print_defaults")
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/bin"))


class MariaDb:
    """A running server; made by :meth:`start`, which ends when it answers."""

    def __init__(self) -> None:
        missing = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
        assert not missing, f"MariaDB's {', '.join(missing)} are missing: run local/install.sh --tests"
        self._user = UNPRIVILEGED if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._folder = Path(tempfile.mkdtemp(prefix="pinpipe-mariadb-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self.password = secrets.token_urlsafe(12)

    def start(self) -> None:
        """Make the system tables once, start the server and wait until it takes the password."""
        data = self._folder / "data"
        if not data.exists():
            shutil.chown(self._folder, self._user)
            made = self._run("mariadb-install-db", "--auth-root-authentication-method=normal", "--skip-test-db")
            assert made.returncode == 0, f"mariadb-install-db failed: {made.stdout}{made.stderr}"
            first = self._folder / "first.sql"
            first.write_text(f"ALTER USER root@localhost IDENTIFIED BY '{self.password}';")
            shutil.chown(first, self._user)
        self._process = subprocess.Popen(
            [
                *self._command("mariadbd"),
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                f"--socket={self._folder}/socket",
                f"--pid-file={self._folder}/pid",
                f"--init-file={self._folder}/first.sql",
                # In the usual one, a server deletes at its start what others keep there for a query.
                f"--tmpdir={self._folder}",
                "--skip-ssl",
                # As on RDS, not as Debian's own file has it: the tables and the connection must say utf8mb4 themselves.
                "--character-set-server=latin1",
                "--innodb-flush-log-at-trx-commit=2",
            ],
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "log").open("wb"),
        )
        self._wait()

    def stop(self) -> None:
        """End the server as a crash does; its data stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def remove(self) -> None:
        """Delete the stopped server's folder."""
        shutil.rmtree(self._folder)

    def execute(self, *statements: str, database: str = "mysql") -> None:
        """Run statements as the administrator."""
        with self._connect(database) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def _connect(self, database: str = "mysql") -> pymysql.Connection:
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            password=self.password,
            database=database,
            charset="utf8mb4",
            connect_timeout=5,
            read_timeout=60,
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self._connect().close()
            except pymysql.err.OperationalError as error:
                log = (self._folder / "log").read_text(errors="replace")
                assert self._process is not None
                assert self._process.poll() is None, f"mariadbd ended: {log}"
                assert time.monotonic() < deadline, f"mariadbd does not answer within 60 s: {error}: {log}"
                time.sleep(0.1)
            else:
                return

    def _run(self, program: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._command(program), *options], capture_output=True, text=True, timeout=120)

    def _command(self, program: str) -> list[str]:
        found = shutil.which(program, path=_PATH)
        assert found is not None
        return [found, "--no-defaults", f"--user={self._user}", f"--datadir={self._folder}/data"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
