"""What can go wrong between Spark and Kinesis, by what helps against it."""

from __future__ import annotations


class KinesisSourceError(Exception):
    """Reading Kinesis cannot go on; the message names the thing, the value and the way out."""


class OptionError(KinesisSourceError, ValueError):
    """An option of the source is unknown, missing or has a value that it does not take."""


class OffsetError(KinesisSourceError, ValueError):
    """An offset of the checkpoint is none of this source's, or does not fit what is asked of it."""


class StreamNotFoundError(KinesisSourceError):
    """A stream is not there."""


class DataLossError(KinesisSourceError):
    """Records that were to be read have left the stream's retention, or may have."""


class UnavailableError(KinesisSourceError):
    """Kinesis did not answer, or throttled, for longer than is borne."""


class TransientError(KinesisSourceError):
    """A single call failed in a way that passes: to be tried again after a while."""


class ExpiredIteratorError(TransientError):
    """A shard iterator was older than five minutes: to be got anew from the last position."""


class ShardGoneError(KinesisSourceError):
    """Kinesis knows a shard no longer: the retention of all it held is over, or its stream is gone."""
