"""What waits in Kinesis streams behind the positions of a reader."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from pinpipe_airflow.hooks.patient_aws import PatientAwsHook

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import ShardTypeDef

# A shard gives five answers a second to all that read it, and an empty one where it has long gaps:
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
_LOOKS = 10
_BETWEEN_LOOKS_S = 0.25


class KinesisPositionHook(PatientAwsHook):
    """Asks a stream itself whether it holds records that a reader has not processed.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "kinesis"

    @property
    def client(self) -> KinesisClient:
        """The boto3 client."""
        return cast("KinesisClient", self.conn)

    def waiting_since(self, streams: Iterable[str], positions: Mapping[str, Mapping[str, str]]) -> datetime | None:
        """Return when the oldest record arrived that has not been processed, ``None`` when every one has been.

        :param streams: names of the streams; in one that does not exist nothing waits.
        :param positions: sequence number of the last record that the reader has processed, by stream and shard; of a
            shard without one it has read nothing.
        """
        arrivals = [arrival for stream in streams for arrival in self._arrivals(stream, positions.get(stream, {}))]
        return min(arrivals, default=None)

    def _arrivals(self, stream: str, positions: Mapping[str, str]) -> Iterator[datetime]:
        for shard in unfinished(self._shards(stream), positions):
            if arrival := self._next_arrival(stream, shard, positions.get(shard)):
                self.log.info("%s %s has a record of %s after %s", stream, shard, arrival, positions.get(shard))
                yield arrival

    def _shards(self, stream: str) -> list[ShardTypeDef]:
        pages = self.client.get_paginator("list_shards").paginate(StreamName=stream)
        try:
            return [shard for page in pages for shard in page["Shards"]]
        except self.client.exceptions.ResourceNotFoundException:
            self.log.warning("There is no stream %s: run the DAG provision", stream)
            return []

    def _next_arrival(self, stream: str, shard: str, position: str | None) -> datetime | None:
        iterator = self._iterator(stream, shard, position)
        for _ in range(_LOOKS):
            answer = self.client.get_records(ShardIterator=iterator, Limit=1)
            if answer["Records"]:
                return answer["Records"][0]["ApproximateArrivalTimestamp"].astimezone(UTC)
            behind_ms = answer.get("MillisBehindLatest", 0)
            # The last answer of a shard that was split or merged has no next iterator.
            if not behind_ms or not answer.get("NextShardIterator"):
                return None
            iterator = answer["NextShardIterator"]
            time.sleep(_BETWEEN_LOOKS_S)
        return datetime.now(UTC) - timedelta(milliseconds=behind_ms)

    def _iterator(self, stream: str, shard: str, position: str | None) -> str:
        if position is not None:
            try:
                return self.client.get_shard_iterator(
                    StreamName=stream,
                    ShardId=shard,
                    ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                    StartingSequenceNumber=position,
                )["ShardIterator"]
            except self.client.exceptions.InvalidArgumentException:
                self.log.warning("%s %s knows no position %s: the stream was made anew", stream, shard, position)
        return self.client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]


def unfinished(shards: Sequence[ShardTypeDef], positions: Mapping[str, str]) -> list[str]:
    """Return the shards that a reader may have something of to read.

    A reader takes up a shard that came from a split or a merge once it has finished those it came from, and forgets
    these: a shard without a position is finished where one that came from it has a position.

    :param shards: all shards of a stream.
    :param positions: how far the reader is, by shard.
    """
    finished: set[str] = set()
    left = {shard["ShardId"]: shard for shard in shards}
    reached = [shard for shard in positions if shard in left]
    while reached:
        shard = left[reached.pop()]
        parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")} & left.keys()
        reached += [parent for parent in parents - finished if parent]
        finished |= {parent for parent in parents if parent}
    return [shard for shard in left if shard in positions or shard not in finished]
