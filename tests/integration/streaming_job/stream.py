"""A stream with a tiny job: what a supervisor sees to, and what goes wrong with it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import boto3
from pinpipe_airflow.operators.streaming_job import EnsureStreamingJobOperator
from pinpipe_airflow.sensors.streaming_job import StreamProgressSensor

from tests.integration.local_databricks.conftest import wait_until

SCRIPT = "/Volumes/test/artifacts/jobs/tiny_stream.py"


class Stream:
    """A stream and its job, with bucket and names of its own."""

    def __init__(self, name, server, folder):
        self.name, self.server, self.folder = name, server, folder
        self.s3, self.kinesis = boto3.client("s3"), boto3.client("kinesis")
        self.s3.create_bucket(Bucket=name)
        self.kinesis.create_stream(StreamName=name, ShardCount=1)
        self.version = "1"
        self.put = 0

    def definition(self, *_):
        options = {
            "streams": self.name,
            "bucket": self.name,
            "version": "{{job.parameters.version}}",
            "run-id": "{{job.run_id}}",
            "behaviour": self.folder / "behaviour.json",
            "pids": self.folder / "pids.json",
        }
        arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        return {
            "name": f"{self.name}-clean_stream",
            "max_concurrent_runs": 1,
            "timeout_seconds": 0,
            "continuous": {"pause_status": "UNPAUSED"},
            "parameters": [{"name": "version", "default": self.version}],
            "tasks": [{"task_key": "t", "spark_python_task": {"python_file": SCRIPT, "parameters": arguments}}],
        }

    def supervisor(self, run_id="r1", **given):
        limits = {"stalled_after": 3, "stop_timeout": 10, "start_timeout": 60, "polling_period_seconds": 1}
        return Supervisor(
            EnsureStreamingJobOperator(
                task_id="supervise",
                definition="clean_stream",
                bucket=self.name,
                streams=[self.name],
                region_name="us-east-1",
                **{"deferrable": False, **limits, **given},
            ),
            run_id,
        )

    def supervise(self, run_id="r1", **given):
        return self.supervisor(run_id, **given).execute()

    def sensor(self, **given):
        return StreamProgressSensor(
            task_id="wait",
            job_name=self.definition()["name"],
            bucket=self.name,
            streams=[self.name],
            region_name="us-east-1",
            **{"deferrable": False, "poke_interval": 0.2, "timeout": 30, **given},
        )

    def begin(self):
        """Have it running, and what was put processed."""
        result = self.supervise()
        assert result["action"] == "created"
        self.wait_until_processed()
        return result

    def behave(self, *how):
        (self.folder / "behaviour.json").write_text(json.dumps(how))

    def stall(self):
        """Have its run beat and complete nothing from now on; the micro-batch that is at work is completed first."""
        self.behave("stall")
        told_at = datetime.now(UTC).isoformat()
        wait_until(lambda: self.beat()["beat_at"] > told_at, "it beats again")

    def wish(self, wish):
        self.write("control/stream.json", {"wish": wish, "at": datetime.now(UTC).isoformat(), "by": "test"})

    def post(self, count=1):
        for _ in range(count):
            self.kinesis.put_record(StreamName=self.name, Data=str(self.put).encode(), PartitionKey="p")
            self.put += 1

    def processed(self):
        return (self.read("checkpoints/clean_stream/epoch0/ledger.json") or {"records": []})["records"]

    def wait_until_processed(self, within_s=20):
        wanted = [str(number) for number in range(self.put)]
        wait_until(lambda: self.run() and len(self.processed()) >= self.put, "every record is processed", within_s)
        assert self.processed() == wanted

    def write(self, key, content):
        self.s3.put_object(Bucket=self.name, Key=key, Body=json.dumps(content).encode())

    def read(self, key):
        try:
            return json.loads(self.s3.get_object(Bucket=self.name, Key=key)["Body"].read())
        except self.s3.exceptions.NoSuchKey:
            return None

    def receipt(self):
        return self.read("receipts/stream_supervisor/latest.json")

    def jobs(self):
        return self.server.call("GET", "list", name=self.definition()["name"])["jobs"]

    def runs(self):
        """Every run of its job, oldest first."""
        jobs = self.jobs()
        return self.server.call("GET", "runs/list", job_id=jobs[0]["job_id"])["runs"][::-1] if jobs else []

    def run(self):
        """Its active run once that has given a sign of life, else ``None``."""
        active = [run for run in self.runs() if run["state"]["life_cycle_state"] == "RUNNING"]
        beats = active and (self.beat() or {}).get("run_id") == str(active[0]["run_id"])
        return active[0] if beats else None

    def works_after(self, run_id):
        """Whether a run is active and beats that is not ``run_id``."""
        run = self.run()
        return run is not None and run["run_id"] != run_id

    def beat(self):
        """Its newest heartbeat, ``None`` where that cannot be read."""
        try:
            return self.read("receipts/clean_stream/latest.json")
        except ValueError:
            return None

    def results(self):
        return [run["state"].get("result_state") for run in self.runs()]

    def running_version(self):
        run = self.run()
        return run["job_parameters"][0]["value"] if run else None

    def child(self):
        return json.loads((self.folder / "pids.json").read_text())[0]

    def driver(self):
        """The process id of the driver: the parent of its child."""
        return int(Path(f"/proc/{self.child()}/stat").read_text().rpartition(")")[2].split()[1])

    def pause_by_hand(self, status):
        self.server.call(
            "POST", "update", job_id=self.jobs()[0]["job_id"], new_settings={"continuous": {"pause_status": status}}
        )

    def pause_status(self):
        return self.jobs()[0]["settings"]["continuous"]["pause_status"]


class Supervisor:
    """An operator with as much of a context as it uses."""

    def __init__(self, operator, run_id):
        self.operator = operator
        self.xcom = {}
        self.ti = SimpleNamespace(dag_id="d", run_id=run_id, task_id="supervise", map_index=-1, xcom_push=self.push)

    def push(self, key, value):
        self.xcom[key] = json.loads(json.dumps(value))

    def execute(self):
        result = self.operator.execute({"ti": self.ti})
        assert json.loads(json.dumps(result)) == result
        return result
