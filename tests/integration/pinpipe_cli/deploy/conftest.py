"""A checkout to deploy, S3 (ministack) and Databricks' Files API (its stand-in), each a real process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest

from include.settings import Settings
from pinpipe_cli.databricks_workspace import Workspace
from pinpipe_cli.deploy import mwaa_environment, verification
from pinpipe_cli.deploy.databricks_volume import DatabricksVolume
from pinpipe_cli.deploy.deployment import Target, deploy_checkout, roll_back
from pinpipe_cli.deploy.mwaa_environment import MwaaEnvironment
from pinpipe_cli.mwaa_airflow import MwaaAirflow
from tests.integration.local_databricks.conftest import TOKEN, Server
from tests.integration.pinpipe_cli.deploy.mwaa_double import NAME, Mwaa

ROOT = Path(__file__).resolve().parents[4]
KEYS = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
PACKAGES = ("plugins", "include", "emulator", "spark_jobs")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of an S3 that nobody else uses."""
    folder = tmp_path_factory.mktemp("s3")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "STATE_DIR": str(folder)}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env={**os.environ, **settings}, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while not _answers(f"{url}/_ministack/health"):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield boto3.client("s3", endpoint_url=url, **KEYS)
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture(scope="session")
def databricks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("databricks"))
    server.start()
    yield server
    server.stop()


@dataclass
class World:
    """A checkout, and where it is deployed to."""

    checkout: Path
    mwaa: Mwaa
    target: Target
    said: list[str] = field(default_factory=list)

    def write(self, path: str, text: str | None, message: str = "a change") -> None:
        """Write a file, or remove it, and commit that."""
        file = self.checkout / path
        if text is None:
            file.unlink()
        else:
            file.write_text(text)
        git(self.checkout, "add", "-A")
        git(self.checkout, "commit", "-q", "-m", message)

    def deploy(self, **options: bool) -> list[str]:
        """Deploy, and return what was told."""
        return self._told(lambda say: deploy_checkout(self.checkout, self.target, say, **options))

    def roll_back(self, **options: Any) -> list[str]:
        return self._told(lambda say: roll_back(self.target, say, **options))

    def _told(self, act: Callable[[Callable[[str], None]], None]) -> list[str]:
        self.said = []
        act(self.said.append)
        return self.said

    def versions(self) -> list[str]:
        """Return every version of every object there has ever been in the bucket, but for locks and records."""
        listed = self.mwaa.s3.list_object_versions(Bucket=self.mwaa.bucket)
        found = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
        return sorted(one["Key"] for one in found if not one["Key"].startswith("deployments/"))

    def stored_keys(self, prefix: str = "") -> list[str]:
        listed = self.mwaa.s3.list_objects_v2(Bucket=self.mwaa.bucket, Prefix=prefix).get("Contents", [])
        return [found["Key"] for found in listed]


def git(checkout: Path, *arguments: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "-C", str(checkout), *who, *arguments], check=True, timeout=60)


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is deployed of this checkout, with small DAG files, committed."""
    folder = tmp_path_factory.mktemp("sources")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "dist"))
    (folder / "locks").mkdir()
    for file in ("requirements.txt", "locks/constraints-airflow-3.3.1-py3.12.txt"):
        shutil.copy(ROOT / file, folder / file)
    (folder / "dags").mkdir()
    for dag_id in ("clean_batch", "provision"):
        (folder / "dags" / f"{dag_id}.py").write_text(f"# {dag_id}, first")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def world(
    sources: Path, s3: Any, databricks: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """An environment that nothing was deployed to yet."""
    monkeypatch.setattr(mwaa_environment, "_POLL_S", 0)
    monkeypatch.setattr(verification, "_POLL_S", 0)
    bucket = f"airflow-{uuid4().hex[:10]}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    checkout = tmp_path / "checkout"
    shutil.copytree(sources, checkout)
    mwaa = Mwaa(s3, bucket)
    client = mwaa.client()
    wheel = f"/Volumes/main/{bucket.replace('-', '_')}/artifacts/pinpipe_spark-0.1.0-py3-none-any.whl"
    yield World(
        checkout,
        mwaa,
        Target(
            given=Settings(mwaa_environment=NAME, mwaa_bucket=bucket, spark_wheel=wheel),
            environment=MwaaEnvironment(client, NAME),
            s3=s3,
            volume=DatabricksVolume(Workspace(databricks.url, TOKEN)),
            airflow=MwaaAirflow(NAME, client, client),
        ),
    )
