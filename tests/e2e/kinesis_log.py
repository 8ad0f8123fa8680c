"""What the streams hold, read by the test itself: the input of the independent computation."""

from __future__ import annotations

from datetime import UTC

from tests.e2e.conftest import World
from tests.e2e.oracle.stream import StreamRecord

STREAMS = ("pinpipe-pin", "pinpipe-geo", "pinpipe-user")


def read_streams(world: World) -> list[StreamRecord]:
    """Return every record of the three streams."""
    kinesis = world.aws("kinesis")
    found: list[StreamRecord] = []
    for stream in STREAMS:
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            position = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while (answer := kinesis.get_records(ShardIterator=position))["Records"]:
                position = answer["NextShardIterator"]
                found += [
                    StreamRecord(
                        stream=stream,
                        shard=shard["ShardId"],
                        sequence_number=record["SequenceNumber"],
                        partition_key=record["PartitionKey"],
                        arrived_at=record["ApproximateArrivalTimestamp"].astimezone(UTC),
                        data=record["Data"],
                    )
                    for record in answer["Records"]
                ]
    return found
