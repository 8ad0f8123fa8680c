"""A streaming job without Spark: it reads Kinesis, keeps a checkpoint as Spark does, and beats as the real one.

A file of JSON tells it how to behave: ``stall`` (it beats, and completes nothing), ``silent`` (it does not even beat),
``fail`` (at its start) and ``deaf`` (it does not stop when it is told to).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import boto3

PAUSE_S = 0.2


class Job:
    def __init__(self, options):
        self.options = options
        self.s3 = boto3.client("s3")
        self.kinesis = boto3.client("kinesis")
        self.checkpoint = "checkpoints/clean_stream/epoch0"
        ledger = self.get(f"{self.checkpoint}/ledger.json") or {"batch": -1, "positions": {}, "records": []}
        self.batch, self.positions, self.records = ledger["batch"], ledger["positions"], ledger["records"]
        self.read = {}
        self.started_at, self.progressed_at = now(), None

    def run(self):
        if self.behaves("fail"):
            raise RuntimeError("the tables are not there")
        # Stands for the JVM, which outlives its driver for a while.
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(self.options.pids).write_text(json.dumps([child.pid]))
        while self.behaves("deaf") or not self.is_to_stop():
            if not self.behaves("silent"):
                self.beat("running")
            if not (self.behaves("stall") or self.behaves("silent")):
                self.complete_batch()
            time.sleep(PAUSE_S)
        child.kill()
        self.beat("stopped")

    def behaves(self, how):
        file = Path(self.options.behaviour)
        return file.exists() and how in json.loads(file.read_text())

    def is_to_stop(self):
        wanted = (self.get("control/stream_version.json") or {}).get("version", self.options.version)
        return (self.get("control/stream.json") or {}).get("wish") == "stopped" or wanted != self.options.version

    def complete_batch(self):
        found = [record for stream in self.options.streams.split(",") for record in self.new_records(stream)]
        if not found:
            return
        self.batch += 1
        self.records += found
        # One object: a kill comes before it or after it.
        self.put(f"{self.checkpoint}/ledger.json", vars(self) | {"options": None, "s3": None, "kinesis": None})
        streams = {s: {shard: {"last": last} for shard, last in of.items()} for s, of in self.positions.items()}
        offset = json.dumps({"version": 1, "number": self.batch, "streams": streams})
        self.put(f"{self.checkpoint}/offsets/{self.batch}", f"v1\n{{}}\n{offset}")
        self.put(f"{self.checkpoint}/commits/{self.batch}", "v1\n{}")
        self.progressed_at = now()

    def new_records(self, stream):
        for shard in self.kinesis.list_shards(StreamName=stream)["Shards"]:
            shard_id = shard["ShardId"]
            last = self.positions.setdefault(stream, {}).get(shard_id)
            begin = {"ShardIteratorType": "TRIM_HORIZON"}
            if last:
                begin = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": last}
            iterator = self.kinesis.get_shard_iterator(StreamName=stream, ShardId=shard_id, **begin)["ShardIterator"]
            for record in self.kinesis.get_records(ShardIterator=iterator)["Records"]:
                self.positions[stream][shard_id] = record["SequenceNumber"]
                self.read.setdefault(stream, {})[shard_id] = record["SequenceNumber"]
                yield record["Data"].decode()

    def beat(self, state):
        pulse = {
            "job": "clean_stream",
            "run_id": self.options.run_id,
            "version": self.options.version,
            "epoch": "epoch0",
            "state": state,
            "started_at": self.started_at,
            "beat_at": now(),
            "progressed_at": self.progressed_at,
            "batch_id": self.batch,
            "positions": self.read,
        }
        self.put("receipts/clean_stream/latest.json", pulse)

    def get(self, key):
        try:
            return json.loads(self.s3.get_object(Bucket=self.options.bucket, Key=key)["Body"].read())
        except self.s3.exceptions.NoSuchKey:
            return None

    def put(self, key, content):
        body = content if isinstance(content, str) else json.dumps(content)
        self.s3.put_object(Bucket=self.options.bucket, Key=key, Body=body.encode())


def now():
    return datetime.now(UTC).isoformat()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("streams", "bucket", "version", "run-id", "behaviour", "pids"):
        parser.add_argument(f"--{name}", required=True)
    Job(parser.parse_args()).run()
