"""A task that is a real Spark session, configured by nothing but the server."""

import json

import pytest

from .conftest import ROOT, Server, alive, started_processes

pytestmark = pytest.mark.integration

SCRIPT = b"""
import json, os, sys, time
from pathlib import Path
from pyspark.sql import SparkSession

table, pids = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
spark.range(5).write.format("delta").save(table)
print("rows", spark.read.format("delta").load(table).count())
print("zone", spark.conf.get("spark.sql.session.timeZone"), spark.sparkContext.master)
print("s3", spark.sparkContext._jsc.hadoopConfiguration().get("fs.s3.impl"))
Path(pids).write_text(json.dumps([os.getpid(), spark.sparkContext._gateway.proc.pid]))
time.sleep(600)
"""


@pytest.fixture
def spark_server(tmp_path):
    server = Server(tmp_path, interpreter=str(ROOT / ".venv-spark" / "bin" / "python"))
    server.start()
    yield server
    server.stop()


def test_a_session_writes_delta_and_its_jvm_ends_when_the_run_is_cancelled(spark_server, tmp_path):
    path = "/Volumes/test/artifacts/scripts/job.py"
    spark_server.put(path, SCRIPT)
    task = {
        "task_key": "spark",
        "spark_python_task": {
            "python_file": path,
            "parameters": [str(tmp_path / "table"), str(tmp_path / "pids")],
        },
    }
    run_id = spark_server.call("POST", "runs/submit", run_name="spark", tasks=[task])["run_id"]
    processes = started_processes(tmp_path / "pids", within_s=120)
    spark_server.call("POST", "runs/cancel", run_id=run_id)
    run = spark_server.finished(run_id)
    assert not any(alive(pid) for pid in processes)
    logs = spark_server.output(run)["logs"]
    assert "rows 5" in logs
    assert "zone UTC local[2]" in logs
    assert "s3 org.apache.hadoop.fs.s3a.S3AFileSystem" in logs
    commits = sorted((tmp_path / "table" / "_delta_log").glob("*.json"))
    assert json.loads(commits[0].read_text().splitlines()[0])["commitInfo"]["operation"] == "WRITE"
