import pyarrow as pa

from spark_jobs.kinesis_source.api import Record
from spark_jobs.kinesis_source.arrow_rows import TASK_BYTES, packed, record_batch, unpacked
from spark_jobs.kinesis_source.offsets import ShardKey


def rows_of(shard, count, size=1):
    return record_batch(ShardKey("s", shard), [Record("k", b"." * size, str(i), 1.5) for i in range(count)])


def shards_of(task):
    return [row["shardId"] for batch in unpacked(task) for row in batch.to_pylist()]


def test_rows_have_the_columns_of_the_built_in_source():
    batch = record_batch(
        ShardKey("s", "shardId-0"), [Record("k", b"\xff", "49590338271490256608559692538361571095921575", 1.5)]
    )
    assert batch.schema == pa.schema(
        [
            ("partitionKey", pa.string()),
            ("data", pa.binary()),
            ("stream", pa.string()),
            ("shardId", pa.string()),
            ("sequenceNumber", pa.string()),
            ("approximateArrivalTimestamp", pa.timestamp("us", tz="UTC")),
        ]
    )
    row = batch.to_pylist()[0]
    assert (row["data"], row["sequenceNumber"]) == (b"\xff", "49590338271490256608559692538361571095921575")
    assert row["approximateArrivalTimestamp"].timestamp() == 1.5


def test_few_rows_of_few_shards_are_one_task():
    tasks = packed([rows_of("a", 2), rows_of("b", 1), rows_of("c", 1)], shards_per_task=5)
    assert [shards_of(task) for task in tasks] == [["a", "a", "b", "c"]]


def test_a_task_reads_at_most_so_many_shards():
    tasks = packed([rows_of("a", 1), rows_of("b", 1), rows_of("c", 1)], shards_per_task=2)
    assert [shards_of(task) for task in tasks] == [["a", "b"], ["c"]]


def test_many_rows_of_a_shard_are_several_tasks_that_spark_does_not_call_very_large():
    tasks = packed([rows_of("a", 5000, size=1000)], shards_per_task=5)
    assert sum(len(shards_of(task)) for task in tasks) == 5000
    assert len(tasks) == 6
    assert max(map(len, tasks)) < 1000 * 1024
    assert TASK_BYTES < 1000 * 1024


def test_a_row_larger_than_a_task_is_a_task_of_its_own():
    tasks = packed([rows_of("a", 2, size=1 << 20)], shards_per_task=5)
    assert [len(shards_of(task)) for task in tasks] == [1, 1]


def test_nothing_is_no_task():
    assert packed([], shards_per_task=5) == []
