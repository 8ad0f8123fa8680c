"""S3 and Kinesis for jobs' tests: ministack as a process, which the Spark environment itself does not hold."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from local.home import ROOT

START_S = 60


class Ministack:
    """A ministack that can be stopped and started again, its objects kept.

    :param folder: its state.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYSPARK"))},
            "GATEWAY_PORT": str(self._port),
            "BIND_HOST": "127.0.0.1",
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._folder / "s3"),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._folder / "state"),
            "IOT_MTLS_ENABLED": "0",
        }
        command = [str(ROOT / ".venv/bin/python"), "-m", "ministack"]
        with (self._folder / "ministack.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not self._healthy():
            assert self._process.poll() is None and time.monotonic() < deadline, "ministack did not get healthy"
            time.sleep(0.1)

    def stop(self) -> None:
        assert self._process
        self._process.terminate()
        self._process.wait(30)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:  # nosec B310 # http to loopback only
                return answer.status == 200
        except OSError:
            return False
