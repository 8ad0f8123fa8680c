"""Make the archive of Spark's classes: ``python -m local.class_archive``.

Runs what a daily run does, on a few records, in one JVM that writes down at its end which classes it has loaded.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

from local.class_archive import class_archive
from local.databricks import spark_settings
from local.home import ROOT, tools

_READY_WITHIN_S = 60
_RUN_WITHIN_S = 600
_STOPS_WITHIN_S = 30
_LOOK_S = 0.1


def main() -> None:
    """Make the archive; the one that is there stays unless all goes well."""
    jars = tools() / "jars" / "spark"
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        port = _free_port()
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        server = subprocess.Popen(
            [sys.executable, "-m", "local.ministack"],
            cwd=ROOT,
            env={**environment, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"},
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_for(server, port)
            _run_jobs(jars, folder, environment)
        finally:
            server.terminate()
            server.wait(_STOPS_WITHIN_S)


def _run_jobs(jars: Path, folder: Path, environment: dict[str, str]) -> None:
    archive = class_archive(jars)
    new = archive.with_suffix(".new")
    new.unlink(missing_ok=True)
    python = ROOT / ".venv-spark" / "bin" / "python"
    command: list[str | Path] = [python, "-m", "local.class_archive.rehearsal"]
    spark = {
        **spark_settings.write(folder / "spark", jars, environment, make_archive=new),
        "PYSPARK_PYTHON": str(python),
        "PYTHONPATH": str(ROOT),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    # The JVM writes when the interpreter that started it has gone; its output ends when it has written.
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**environment, **spark},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_RUN_WITHIN_S,
        text=True,
    )
    if ran.returncode or not new.exists():
        raise RuntimeError(f"the rehearsal of the jobs ended with {ran.returncode} and {new} is missing:\n{ran.stdout}")
    new.replace(archive)


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while True:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"ministack did not get ready at port {port}: exit status {server.poll()}")
        try:
            if requests.get(f"http://127.0.0.1:{port}/_ministack/health", timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(_LOOK_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
