"""A speed layer on the file system, and records in the shape of the source ``kinesis``, read from files."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include import layout
from spark_jobs import tables
from spark_jobs.between_batches import BetweenBatches
from spark_jobs.micro_batch import BatchColumns, MicroBatches

KINESIS = (
    "partitionKey string, data binary, stream string, shardId string, sequenceNumber string, "
    "approximateArrivalTimestamp timestamp"
)
ARRIVED_AT = datetime(2020, 9, 1, 22, 30, tzinfo=UTC)  # the next day already in the session's time zone
DAY = "2020-09-01"
SHARD = "shardId-000000000000"
SAMPLE = {
    "pin": {
        "index": 1, "unique_id": "f0c7a5c5-9a0a-4788-a408-75ffc9ebff7a", "title": "Ten", "description": "A start",
        "poster_name": "Notes", "follower_count": "1.2k", "tag_list": "a,b", "is_image_or_video": "image",
        "image_src": "https://i.example.org/1.jpg", "downloaded": 1, "save_location": "Local save in /data/art",
        "category": "art",
    },
    "geo": {"ind": 1, "timestamp": "2020-08-28T03:52:47", "latitude": -29.5, "longitude": -89.5, "country": "Fiji"},
    "user": {"ind": 1, "first_name": "Zoë", "last_name": "O'Neil", "age": 36, "date_joined": "2016-12-08 20:02:43"},
}  # fmt: skip


def record(data_set, sequence_number, value=None, *, stream=None, key="key", shard=SHARD, minutes=0, **changes):
    """Return a record; ``value`` (any JSON, or bytes) stands instead of the data set's sample with ``changes``."""
    content = {**SAMPLE[data_set], **changes} if value is None else value
    data = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
    arrived_at = ARRIVED_AT + timedelta(minutes=minutes)
    return key, data, stream or f"p-{data_set}", shard, str(sequence_number), arrived_at


def good(*data_sets, first=1):
    """Return a good record of each of ``data_sets``, their sequence numbers counted from ``first``."""
    return [record(data_set, number) for number, data_set in enumerate(data_sets, first)]


def frame(spark, records):
    """Return records as the source gives them."""
    return spark.createDataFrame(records, KINESIS)


class SpeedWorld:
    """A lake with the tables of the speed layer, a folder that a stream reads, and the stream's checkpoint."""

    def __init__(self, spark, folder):
        self.spark, self.folder = spark, Path(folder)
        self.lake = f"file:{folder}/delta"
        self.checkpoint = f"file:{folder}/checkpoint"
        self.completed = []
        for name in layout.BATCH_TABLES:
            tables.create(spark, self.lake, "speed", name)

    def arrive(self, *records):
        """Let records arrive, or none: each call makes one micro-batch."""
        arrived = frame(self.spark, records).coalesce(1)
        arrived.write.mode("append").parquet(f"{self.folder}/incoming")

    def records(self):
        """Return the stream of what arrives."""
        (self.folder / "incoming").mkdir(exist_ok=True)
        reader = self.spark.readStream.schema(KINESIS).option("maxFilesPerTrigger", 1)
        return reader.parquet(f"{self.folder}/incoming")

    def batches(self):
        """Return what a new run of the stream processes its micro-batches with."""
        between = BetweenBatches()
        return MicroBatches(
            self.spark, self.lake, "run", BatchColumns(), between, lambda *told: self.completed.append(told)
        )

    def process(self, batches=None):
        """Process all that has arrived, as a new run of the stream does."""
        writer = self.records().writeStream.foreachBatch(batches or self.batches())
        query = writer.option("checkpointLocation", self.checkpoint).trigger(availableNow=True).start()
        assert query.awaitTermination(300)

    def rows(self, name):
        """Return a table's rows."""
        return self.spark.read.format("delta").load(layout.table_path(self.lake, "speed", name)).collect()

    def addresses(self, name):
        """Return the addresses of a table's rows, in order."""
        return sorted((row.stream, row.shard, int(row.sequence_number)) for row in self.rows(name))

    def versions(self, name):
        """Return the versions of a table, newest last."""
        log = self.folder / "delta" / "speed" / name / "_delta_log"
        return sorted(int(file.stem) for file in log.glob("*.json"))

    def live_files(self, name):
        """Return the data files of a table's present version."""
        return self.spark.read.format("delta").load(layout.table_path(self.lake, "speed", name)).inputFiles()
