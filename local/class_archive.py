"""The archive of Spark's classes, from which JVMs take what they would else read from jars, verify and link anew.

Each run of a job starts a JVM of its own, and most of its first seconds go into loading classes. The JVM's own class
data sharing (JEP 350) keeps those of one run for all later ones, which also share their memory. An archive that does
not fit, since jars or Java have changed, is left alone by the JVM, which then takes longer.

``python -m local.class_archive`` makes it: creates the Delta tables in an S3 of its own, by a JVM that writes down at
its end what it has loaded. More jobs would add little: it is a session's start that the classes are loaded for.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import boto3
import requests

from local.databricks import spark_settings
from local.home import ROOT, tools

_BUCKET = "classes"
_READY_WITHIN_S = 60
_RUN_WITHIN_S = 600
_STOPS_WITHIN_S = 30
_LOOK_S = 0.1


def main() -> None:
    """Make the archive; the one that is there stays unless all goes well.

    :raises RuntimeError: when the job or ministack fails.
    """
    jars = tools() / "jars" / "spark"
    archive = spark_settings.class_archive(jars)
    new = archive.with_suffix(".new")
    new.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder, _s3():
        _create_tables(Path(folder), spark_settings.write(Path(folder), jars, os.environ, make_archive=new))
    new.replace(archive)


def _create_tables(folder: Path, settings: Mapping[str, str]) -> None:
    python = str(ROOT / ".venv-spark" / "bin" / "python")
    # The JVM writes after the interpreter that started it has ended; the output of both ends when it has written.
    ran = subprocess.run(
        [python, "-m", "spark_jobs.create_tables", "--lake", f"s3://{_BUCKET}/delta"],
        cwd=folder,
        env={
            **os.environ,
            **settings,
            "PYSPARK_PYTHON": python,
            "PYTHONPATH": str(ROOT),
            "SPARK_LOCAL_IP": "127.0.0.1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_RUN_WITHIN_S,
        text=True,
    )
    if ran.returncode:
        raise RuntimeError(f"create_tables ended with {ran.returncode}:\n{ran.stdout}")


@contextmanager
def _s3() -> Iterator[None]:
    """Lead this process, and those that it starts, to an S3 with an empty bucket in the memory of a server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    own = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"}
    server = subprocess.Popen([sys.executable, "-m", "local.ministack"], cwd=ROOT, env={**os.environ, **own})
    try:
        _wait_for(server, url)
        boto3.client("s3").create_bucket(Bucket=_BUCKET)
        yield
    finally:
        server.terminate()
        server.wait(_STOPS_WITHIN_S)


def _wait_for(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            requests.get(f"{url}/_ministack/health", timeout=2).raise_for_status()
        except requests.RequestException:
            time.sleep(_LOOK_S)
        else:
            return
    raise RuntimeError(f"ministack did not get ready at {url}, its exit status is {server.poll()}")


if __name__ == "__main__":
    main()
