"""The four calls of Kinesis that reading takes, with their answers and errors in the source's own terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from spark_jobs.answer_time import answered_at
from spark_jobs.kinesis_source.errors import (
    ExpiredIteratorError,
    KinesisSourceError,
    ShardGoneError,
    StreamNotFoundError,
    TransientError,
)
from spark_jobs.kinesis_source.options import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

CONCURRENT_CALLS = 16

_NOT_FOUND = "ResourceNotFoundException"
_EXPIRED = "ExpiredIteratorException"
_TRANSIENT = {
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "KMSThrottlingException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalFailureException",
    "ResourceInUseException",  # the stream is being created or changed
    "ExpiredNextTokenException",
}


class Record(NamedTuple):
    """A record as Kinesis keeps it.

    :param sequence_number: decimal digits, of more than 64 bits: compared as a number, kept as it was told.
    :param arrived_at: seconds since the epoch.
    """

    partition_key: str
    data: bytes
    sequence_number: str
    arrived_at: float

    @property
    def size(self) -> int:
        """Bytes as Kinesis counts them: data and partition key."""
        return len(self.data) + len(self.partition_key)

    @property
    def arrived(self) -> datetime:
        """Kinesis' time of arrival."""
        return datetime.fromtimestamp(self.arrived_at, UTC)


class Page(NamedTuple):
    """What one GetRecords returned.

    :param next_iterator: NULL when the shard is closed and was read to its end.
    :param behind: how far the page's end is from the tip of the shard.
    :param answered_at: Kinesis' time.
    """

    records: list[Record]
    next_iterator: str | None
    behind: timedelta
    answered_at: datetime


@dataclass(frozen=True)
class Shard:
    """A shard as it is listed.

    :param parents: ids of the shards that it was split from, or merged of; they may be listed no longer.
    :param first_sequence_number: below that of any record in it.
    :param closed: whether it was split or merged: no record is added to it any more.
    """

    shard_id: str
    parents: tuple[str, ...]
    first_sequence_number: str
    closed: bool = False


class KinesisApi:
    """Calls Kinesis, each call once: :class:`TransientError` says that it may be tried again.

    :param connect: gives the client; called at the first call.
    """

    def __init__(self, connect: Callable[[], KinesisClient]) -> None:
        self._connect = connect

    def list_shards(self, stream: Stream, page_size: int) -> tuple[list[Shard], datetime]:
        """Return all shards that hold a record or may get one, by id, and Kinesis' time.

        :raises StreamNotFoundError: when the stream is not there.
        """
        shards: list[Shard] = []
        request: dict[str, Any] = dict(stream.request)
        while True:
            try:
                answer = self._call("list_shards", stream, MaxResults=page_size, **request)
            except ShardGoneError as error:
                raise StreamNotFoundError(
                    f"stream {stream.arn or stream.name!r} is not there: create it, or correct the options streamName, "
                    f"region and endpoint ({error})"
                ) from error
            shards += [_shard(each) for each in answer["Shards"]]
            if not answer.get("NextToken"):
                return sorted(shards, key=lambda shard: shard.shard_id), answered_at(answer)
            request = {"NextToken": answer["NextToken"]}  # which stands for the stream too

    def iterator_at_sequence_number(self, stream: Stream, shard_id: str, sequence_number: str) -> str:
        """Return an iterator from the record with this sequence number on, or from the oldest if that one is gone."""
        told = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": sequence_number}
        return self._iterator(stream, shard_id, told)

    def iterator_from(self, stream: Stream, shard_id: str, moment: datetime | None) -> str:
        """Return an iterator from the oldest record on, or from the first that arrived at a moment or later."""
        told = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment}
        return self._iterator(stream, shard_id, told if moment else {"ShardIteratorType": "TRIM_HORIZON"})

    def get_records(self, stream: Stream, iterator: str, limit: int) -> Page:
        """Return up to ``limit`` records, at most 10 MiB of them.

        :raises ExpiredIteratorError: when the iterator is older than five minutes.
        :raises ShardGoneError: when the shard is not there any more.
        """
        answer = self._call("get_records", stream, ShardIterator=iterator, Limit=limit)
        return Page(
            records=[
                Record(
                    each["PartitionKey"],
                    each["Data"],
                    each["SequenceNumber"],
                    each["ApproximateArrivalTimestamp"].timestamp(),
                )
                for each in answer["Records"]
            ],
            next_iterator=answer.get("NextShardIterator"),
            behind=timedelta(milliseconds=answer.get("MillisBehindLatest") or 0),
            answered_at=answered_at(answer),
        )

    def retention(self, stream: Stream) -> timedelta:
        """Return how long the stream keeps records."""
        answer = self._call("describe_stream_summary", stream, **stream.request)
        return timedelta(hours=answer["StreamDescriptionSummary"]["RetentionPeriodHours"])

    def _iterator(self, stream: Stream, shard_id: str, told: dict[str, Any]) -> str:
        answer = self._call("get_shard_iterator", stream, ShardId=shard_id, **stream.request, **told)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _call(self, operation: str, stream: Stream, **request: Any) -> Any:
        about = f"{operation} of stream {stream.name!r}"
        try:
            return getattr(self._connect(), operation)(**request)
        except ClientError as error:
            raise _meaning(error, about) from error
        except (NoConnectionError, HTTPClientError) as error:  # or no answer in time, or a broken one
            raise TransientError(f"{about}: {error}") from error
        except BotoCoreError as error:
            raise KinesisSourceError(f"{about}: {error}") from error


def _meaning(error: ClientError, about: str) -> KinesisSourceError:
    code = error.response["Error"].get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    told = f"{about}: {code}: {error.response['Error'].get('Message', '')}"
    if code == _EXPIRED:
        return ExpiredIteratorError(told)
    if code == _NOT_FOUND:
        return ShardGoneError(told)
    if code in _TRANSIENT or status >= 500:
        return TransientError(told)
    return KinesisSourceError(told)


def _shard(answer: Any) -> Shard:
    parents = (answer.get("ParentShardId"), answer.get("AdjacentParentShardId"))
    numbers = answer["SequenceNumberRange"]
    return Shard(
        shard_id=answer["ShardId"],
        parents=tuple(parent for parent in parents if parent),
        first_sequence_number=numbers["StartingSequenceNumber"],
        closed=bool(numbers.get("EndingSequenceNumber")),
    )
