"""A bucket of its own with raw days and Delta tables, in which days are cleaned by the job or copied cheaply."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
import pyarrow as pa
import requests
from botocore.config import Config
from deltalake import DeltaTable, PostCommitHookProperties, write_deltalake
from pyarrow import parquet

from bench.cost import Cost, run_metered
from bench.counting_s3 import COUNTS_PATH
from bench.plan import ROOT
from emulator.generator import generate_posts
from emulator.payloads import row_json
from emulator.post import Post, Row
from include import layout
from include.schema import DATASETS, dataset
from include.settings import settings
from local import ports
from local.databricks import spark_settings
from local.home import tools
from local.process_environment import aws_environment
from pinpipe_cli.reading import storage_options

_SEED = 3
_VERSIONS_PER_CHECKPOINT = 10  # Spark's default
_START_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 20
_JOB_TIMEOUT_S = 600
_DAY_MS = 86_400_000
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


class Lake:
    """A local S3 that counts, its bucket and the jobs that work on it; entered, it runs.

    :param folder: of its state; emptied at the beginning, removed at the end.
    :param posts: posts of each day; three records each.
    """

    def __init__(self, folder: Path, posts: int) -> None:
        self._folder = folder
        self._posts = posts
        self._first_day = ""
        self._receipt: dict[str, Any] = {}
        self._url = f"http://{ports.HOST}:{_free_port()}"

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self._folder)
            stack.enter_context(_endpoint(self._url))
            self._environment = {**os.environ, **aws_environment(), "AWS_ENDPOINT_URL": self._url}
            server = self._start_server()
            stack.callback(_stop, server)
            self._wait_for(server)
            jars = tools() / "jars" / "spark"
            self._environment |= spark_settings.write(self._folder / "spark-conf", jars, self._environment)
            self._s3.create_bucket(Bucket=settings().bucket)
            self._entered = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()

    def create_tables(self) -> None:
        """Make the Delta tables."""
        self._job("create_tables", "--lake", settings().lake_root)

    def clean(self, day: str) -> tuple[Cost, dict[str, int]]:
        """Store a raw day, have the job clean it, and return what that cost and what it asked of S3."""
        self._put_raw_day(day)
        measured = self._job(
            "clean_batch", "--day", day, "--bucket", settings().bucket, "--lake", settings().lake_root,
            "--pipeline-id", settings().pipeline_id, "--run-id", "bench",
        )  # fmt: skip
        receipt = self._get_receipt(day)
        if receipt["data_sets"]["geo"]["read"] != self._posts:
            raise RuntimeError(f"{day} was to have {self._posts} geo rows: {receipt['data_sets']}")
        self._first_day = self._first_day or day
        self._receipt = self._receipt or receipt
        return measured

    def run_questions(self) -> tuple[Cost, dict[str, int]]:
        """Have the job answer all questions, and return what that cost and what it asked of S3."""
        return self._job(
            "run_questions", "--bucket", settings().bucket, "--lake", settings().lake_root,
            "--pipeline-id", settings().pipeline_id, "--run-id", "bench", "--inputs", "bench",
        )  # fmt: skip

    def copy_first_day(self, day: str) -> None:
        """Add a day to raw objects, tables and receipts as if it had been cleaned, with the rows of the first day."""
        self._put_raw_day(day)
        for name, rows in self._rows_of_first_day.items():
            position = rows.schema.get_field_index("ingest_date")
            dates = pa.array([date.fromisoformat(day)] * len(rows), pa.date32())
            table = self._tables[name]
            write_deltalake(
                table,
                rows.set_column(position, "ingest_date", dates),
                mode="append",
                post_commithook_properties=_NO_HOOKS,
            )
            table.update_incremental()
            if table.version() % _VERSIONS_PER_CHECKPOINT == 0:
                table.create_checkpoint()
                self._compress_checkpoint(name, table.version())
        receipt = self._receipt | {"day": day}
        self._s3.put_object(
            Bucket=settings().bucket, Key=layout.receipt_key("clean_batch", day), Body=json.dumps(receipt).encode()
        )

    def _compress_checkpoint(self, name: str, version: int) -> None:
        """Store a checkpoint as Spark would, by snappy: the other writer leaves it several times as large."""
        path = f"{layout.table_path(settings().lake_root, 'batch', name)}/_delta_log/{version:020}.checkpoint.parquet"
        place = {"Bucket": settings().bucket, "Key": path.removeprefix(f"s3://{settings().bucket}/")}
        plain = parquet.read_table(BytesIO(self._s3.get_object(**place)["Body"].read()))
        compressed = BytesIO()
        parquet.write_table(plain, compressed, compression="snappy")
        self._s3.put_object(**place, Body=compressed.getvalue())

    @cached_property
    def _rows_of_first_day(self) -> dict[str, pa.Table]:
        """The rows of each table; an empty table gets no commit, as in the job."""
        rows = {name: table.to_pyarrow_table() for name, table in self._tables.items()}
        return {name: found for name, found in rows.items() if len(found)}

    @cached_property
    def _values(self) -> dict[str, list[dict[str, Any]]]:
        """The values of a day's records: every day has the same."""
        posts = list(generate_posts(self._posts, _SEED))
        return {name: [json.loads(row_json(dataset(name), _row(post, name))) for post in posts] for name in DATASETS}

    @cached_property
    def _tables(self) -> dict[str, DeltaTable]:
        options = storage_options()
        paths = {name: layout.table_path(settings().lake_root, "batch", name) for name in layout.BATCH_TABLES}
        return {name: DeltaTable(path, storage_options=options) for name, path in paths.items()}

    @cached_property
    def _s3(self) -> Any:
        return boto3.client("s3", config=Config(connect_timeout=5, read_timeout=30))

    def _job(self, name: str, *arguments: str) -> tuple[Cost, dict[str, int]]:
        environment = {
            **self._environment,
            "PYTHONPATH": str(ROOT),
            "PYSPARK_PYTHON": str(ROOT / ".venv-spark/bin/python"),
            "SPARK_LOCAL_IP": ports.HOST,
        }
        command: list[str | Path] = [ROOT / ".venv-spark/bin/python", "-m", f"spark_jobs.{name}", *arguments]
        self._counts()
        work = self._folder / "work"
        work.mkdir()
        _, cost = run_metered(command, environment=environment, folder=work, timeout_s=_JOB_TIMEOUT_S)
        shutil.rmtree(work)
        return cost, self._counts()

    def _counts(self) -> dict[str, int]:
        answer = requests.get(self._url + COUNTS_PATH, timeout=10)
        answer.raise_for_status()
        counts: dict[str, int] = answer.json()
        return counts

    def _get_receipt(self, day: str) -> dict[str, Any]:
        key = layout.receipt_key("clean_batch", day)
        receipt: dict[str, Any] = json.loads(self._s3.get_object(Bucket=settings().bucket, Key=key)["Body"].read())
        return receipt

    def _put_raw_day(self, day: str) -> None:
        for name in DATASETS:
            topic = settings().topics[name]
            key = f"{layout.raw_prefix(topic, day)}{topic}+0+{0:010}.json"
            body = b"".join(_raw_lines(self._values[name], topic, day))
            self._s3.put_object(Bucket=settings().bucket, Key=key, Body=body)

    def _start_server(self) -> subprocess.Popen[bytes]:
        environment = {
            **self._environment,
            "GATEWAY_PORT": self._url.rpartition(":")[2],
            "BIND_HOST": ports.HOST,
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._folder / "s3"),
            "IOT_MTLS_ENABLED": "0",
        }
        with (self._folder / "s3.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "bench.counting_s3"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )

    def _wait_for(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                self._counts()
            except (requests.ConnectionError, requests.Timeout) as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    said = (self._folder / "s3.log").read_text(errors="replace")[-1000:]
                    raise RuntimeError(f"the counting S3 does not start: {said}") from error
                time.sleep(0.2)
            else:
                return


@contextmanager
def _endpoint(url: str) -> Iterator[None]:
    """Have this process's AWS clients go to an S3 of one's own for a while."""
    outside = {name: os.environ.pop(name, None) for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")}
    os.environ["AWS_ENDPOINT_URL"] = url
    try:
        yield
    finally:
        del os.environ["AWS_ENDPOINT_URL"]
        os.environ.update({name: value for name, value in outside.items() if value is not None})


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _row(post: Post, name: str) -> Row:
    row = post.row(name)
    if row is None:
        raise RuntimeError(f"post {post.number} has no {name} row")
    return row


def _raw_lines(values: Sequence[Mapping[str, Any]], topic: str, day: str) -> Iterator[bytes]:
    """Yield the lines of a raw object as the sink writes them, with timestamps over the whole day."""
    midnight_ms = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp() * 1000)
    for offset, value in enumerate(values):
        address = {
            "_topic": topic,
            "_partition": 0,
            "_offset": offset,
            "_timestamp": midnight_ms + offset * _DAY_MS // len(values),
        }
        yield json.dumps({**value, **address}, ensure_ascii=False).encode() + b"\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ports.HOST, 0))
        port: int = probe.getsockname()[1]
        return port
