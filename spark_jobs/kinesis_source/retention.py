"""Records that left the retention of their stream before they were read.

Kinesis does not say so: an iterator at a record that is gone silently begins at the oldest one left. The source notices
it as follows.

- **A range that is read again** (a batch that was planned and not committed) has to begin with its first record and to
  hold its last one; a page of it that was asked for anew, the last record of the page before.
- **Reading on** after a record: it is asked for again, and if it is still there, nothing after it is gone. If it is
  not, what counts is the time until which everything was read (``read_until`` in the offset, moved on with each batch
  and, where nothing arrives, once an hour by an empty batch). Retention not over since then: whatever arrived later is
  still there, and reading goes on; a stream that is quiet for days loses nothing. Retention over: records may be lost.
- **A reader that retention catches up with**: nothing is asked for again while an iterator leads from page to page; so
  a reader that is almost a day behind, the shortest retention, goes on from its last record anew after each page.
- **A shard that is not there any more** and was not read to its end: Kinesis removes a shard when the retention of its
  last record is over.
- **A shard made by a split or a merge** counts as read until the time until which its parents were read, as it got its
  first record later: this time is not that of reading a parent's end but one at which the parent was open yet, by its
  last record or by the list of shards.

What may be lost is an error, which names the way out, unless the option ``failOnDataLoss`` is ``false``: then it is a
warning in the driver's log. A query that has read nothing yet begins at the oldest record without a question. Retention
that was shortened and prolonged again between two runs goes unnoticed.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from spark_jobs.kinesis_source.errors import DataLossError
from spark_jobs.kinesis_source.offsets import Range, ShardKey

_WAY_OUT = (
    "begin with a new checkpoint, or set the option failOnDataLoss to false to go on with what is left; run the query "
    "more often or prolong the stream's retention to prevent it"
)

SHORTEST = timedelta(hours=24)  # that a stream can have

_SOON = timedelta(minutes=10)  # more than the five for which an iterator lives

log = logging.getLogger(__name__)


def may_end_soon(read_until: datetime | None, now: datetime) -> bool:
    """Return whether records that are next to be read may leave retention before an iterator got now has expired."""
    return read_until is not None and now - read_until > SHORTEST - _SOON


def left_unread(
    shard: ShardKey, last: str | None, read_until: datetime, retention: timedelta, now: datetime, *, fail: bool
) -> None:
    """Report records of a shard that may have left retention after the last one read.

    :raises DataLossError: if it is to ``fail``.
    """
    kept = f"keeps records for {retention / timedelta(hours=1):g} h, now since {now - retention:%Y-%m-%d %H:%M:%S %Z}"
    at = f"the record read last (sequence number {last}) is gone" if last else "nothing was read of it yet"
    text = f"{shard} was read until {read_until:%Y-%m-%d %H:%M:%S %Z} and {kept}; {at}, and later ones may be, unread"
    _report(text, fail)


def left_before_read_again(wanted: Range, found: str | None, *, fail: bool) -> None:
    """Report records of a planned batch that have left retention.

    :param found: the first sequence number that is left of it.
    :raises DataLossError: if it is to ``fail``.
    """
    left = f"what is left begins with {found}" if found else "nothing is left of them"
    text = (
        f"{wanted.shard}: the records {wanted.first} to {wanted.last} were planned as a batch, which was not completed "
        f"before they left retention; {left}"
    )
    _report(text, fail)


def shard_is_gone(shard: ShardKey, last: str | None, *, fail: bool) -> None:
    """Report a shard that is there no longer although it was not read to its end.

    :raises DataLossError: if it is to ``fail``.
    """
    read = f"up to sequence number {last}" if last else "nothing of it"
    _report(f"{shard} is not there any more; read was {read}, and what came after may be lost", fail)


def require_same_stream(shard: ShardKey, last: str | None, first: str) -> None:
    """Tell a stream from one that was deleted and created anew under the same name.

    :param last: sequence number that was read last of the shard.
    :param first: the shard's starting sequence number now.
    :raises DataLossError: when it is another, as there is nothing to go on from.
    """
    if last and int(last) < int(first):
        raise DataLossError(
            f"{shard} begins with sequence number {first}, later than {last}, which was read last: the stream was "
            "deleted and created anew; begin with a new checkpoint"
        )


def _report(text: str, fail: bool) -> None:
    if fail:
        raise DataLossError(f"{text}: {_WAY_OUT}")
    log.warning("%s: going on with what is left, as failOnDataLoss is false", text)
