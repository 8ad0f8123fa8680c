"""A Kinesis to read from: ministack, in a process of its own on a free port."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config

from local.home import ROOT

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
REGION = "us-east-1"


class KinesisEmulator:
    """Its streams, and records to put into them."""

    def __init__(self, log) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._port = server.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._log = log
        config = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 3})
        self.client = boto3.client("kinesis", endpoint_url=self.url, region_name=REGION, config=config, **KEYS)

    def start(self) -> None:
        environment = {"GATEWAY_PORT": str(self._port), "BIND_HOST": "127.0.0.1", "PATH": "/usr/bin:/bin"}
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [ROOT / ".venv" / "bin" / "python", "-m", "ministack"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._log.parent,
            )
        deadline = time.monotonic() + 60
        while not self._healthy():
            assert self._process.poll() is None and time.monotonic() < deadline, self._log.read_text()[-2000:]
            time.sleep(0.1)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def create_streams(self, *names: str, shards: int = 1) -> None:
        for name in names:
            self.client.create_stream(StreamName=name, ShardCount=shards)

    def put(self, stream: str, numbers, width: int = 0) -> list[str]:
        """Put a record for each number; return their data."""
        data = [json.dumps({"n": number}).ljust(width) for number in numbers]
        for start in range(0, len(data), 500):
            some = [{"Data": each.encode(), "PartitionKey": each[:40]} for each in data[start : start + 500]]
            assert not self.client.put_records(StreamName=stream, Records=some)["FailedRecordCount"]
        return data

    def options(self, *streams: str, **options: str) -> dict[str, str]:
        """Return the source's options for reading streams from their oldest records, unless told otherwise."""
        return {
            "streamName": ",".join(streams),
            "endpoint": self.url,
            "region": REGION,
            "awsAccessKey": KEYS["aws_access_key_id"],
            "awsSecretKey": KEYS["aws_secret_access_key"],
            "initialPosition": "trim_horizon",
            "minFetchPeriod": "200ms",
            **options,
        }

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2) as answer:  # nosec B310 # http to loopback only
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False
