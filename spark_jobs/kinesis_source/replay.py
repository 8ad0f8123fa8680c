"""A batch that was planned and not completed, read again from Kinesis: the same records, from the first to the last."""

from __future__ import annotations

from spark_jobs.kinesis_source import retention
from spark_jobs.kinesis_source.api import KinesisApi, Page, Record
from spark_jobs.kinesis_source.errors import ShardGoneError, TransientError
from spark_jobs.kinesis_source.offsets import Range
from spark_jobs.kinesis_source.options import Options, Stream
from spark_jobs.kinesis_source.patience import Clock, Patience

_TIPS_BELIEVED = 5  # on end, before records that were there count as lost


def read_range(api: KinesisApi, options: Options, stream: Stream, wanted: Range, clock: Clock) -> list[Record]:
    """Return the records of a range; waits between calls as Kinesis' limits want it.

    :raises DataLossError: when a record of the range has left retention, or the stream was created anew since.
    :raises StreamNotFoundError: when the stream is not there.
    :raises UnavailableError: when Kinesis has been failing for too long.
    """
    patience = Patience(clock)
    read: list[Record] = []
    iterator: str | None = None
    asked_for = ""  # the record that is to come next, as proof that none before it is gone
    whole, tips = True, 0
    while True:
        try:
            if iterator is None:
                if not _is_there(api, options, stream, wanted):
                    break
                asked_for = read[-1].sequence_number if read else wanted.first
                iterator = api.iterator_at_sequence_number(stream, wanted.shard.shard_id, asked_for)
            page = api.get_records(stream, iterator, options.max_records_per_fetch)
        except (TransientError, ShardGoneError) as error:
            iterator = None
            clock.sleep(patience.failed(error))
            continue
        patience.succeeded()
        if page.records and asked_for:
            whole = whole and page.records[0].sequence_number == asked_for
            asked_for = ""
        new = _wanted(page.records, wanted, read)
        read += new
        at_tip = not (page.records or page.behind)
        tips = 0 if new else tips + at_tip
        if _reaches(page, wanted) or tips == _TIPS_BELIEVED:
            break
        anew = at_tip or (new and retention.may_end_soon(new[-1].arrived, page.answered_at))
        iterator = None if anew else page.next_iterator
        fetched = sum(record.size for record in page.records)
        clock.sleep(max(options.min_fetch_period, fetched / options.max_fetch_rate))
    if not (whole and read and read[-1].sequence_number == wanted.last):
        left = read[0].sequence_number if read else None
        retention.left_before_read_again(wanted, left, fail=options.fail_on_data_loss)
    return read


def _is_there(api: KinesisApi, options: Options, stream: Stream, wanted: Range) -> bool:
    """Return whether the shard is listed, in the stream that it was in."""
    shards, _ = api.list_shards(stream, options.max_shards_per_describe)
    for shard in shards:
        if shard.shard_id == wanted.shard.shard_id:
            retention.require_same_stream(wanted.shard, wanted.last, shard.first_sequence_number)
            return True
    return False


def _reaches(page: Page, wanted: Range) -> bool:
    """Return whether nothing of the range comes after a page."""
    if page.next_iterator is None:
        return True
    return bool(page.records) and int(page.records[-1].sequence_number) >= int(wanted.last)


def _wanted(records: list[Record], wanted: Range, read: list[Record]) -> list[Record]:
    """Return those of ``records`` that are of the range and not ``read`` yet."""
    first, last = int(wanted.first), int(wanted.last)
    if read:
        first = int(read[-1].sequence_number) + 1
    return [record for record in records if first <= int(record.sequence_number) <= last]
