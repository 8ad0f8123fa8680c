from local.connect.partition_writer import PartitionWriter

MONDAY, TUESDAY = "dt=2024-01-01", "dt=2024-01-02"


def closed(writer: PartitionWriter) -> list[tuple[str, int, bytes]]:
    return [(each.day, each.first_offset, bytes(each.body)) for each in writer.closed]


def store_closed(writer: PartitionWriter) -> None:
    writer.closed.clear()


def test_a_full_object_closes_with_all_open_ones_and_is_named_by_its_first_offset():
    writer = PartitionWriter(flush_size=2, rotate_schedule_ms=None)
    writer.write(10, MONDAY, b"a\n", 0)
    writer.write(11, TUESDAY, b"b\n", 0)
    assert closed(writer) == []
    writer.write(12, MONDAY, b"c\n", 0)
    assert closed(writer) == [(MONDAY, 10, b"a\nc\n"), (TUESDAY, 11, b"b\n")]


def test_objects_are_due_at_the_next_multiple_of_the_interval():
    writer = PartitionWriter(flush_size=100, rotate_schedule_ms=5_000)
    writer.write(0, MONDAY, b"a\n", 12_345)
    writer.rotate_if_due(14_999)
    assert closed(writer) == []
    writer.rotate_if_due(15_000)
    assert closed(writer) == [(MONDAY, 0, b"a\n")]


def test_a_clock_that_was_set_back_an_hour_does_not_keep_an_object_open_for_an_hour():
    writer = PartitionWriter(flush_size=100, rotate_schedule_ms=5_000)
    writer.write(0, MONDAY, b"a\n", 3_612_345)
    writer.rotate_if_due(3_610_000)  # a little back, by a time server: it stays open as long as it may
    assert closed(writer) == []
    writer.rotate_if_due(12_345)
    assert closed(writer) == [(MONDAY, 0, b"a\n")]


def test_without_a_schedule_time_closes_nothing():
    writer = PartitionWriter(flush_size=100, rotate_schedule_ms=None)
    writer.write(0, MONDAY, b"a\n", 0)
    writer.rotate_if_due(10**15)
    assert closed(writer) == []


def test_nothing_is_committed_beyond_the_lowest_record_that_is_not_stored():
    writer = PartitionWriter(flush_size=2, rotate_schedule_ms=None)
    writer.write(10, MONDAY, b"a\n", 0)
    assert writer.committable is None
    writer.write(11, MONDAY, b"b\n", 0)
    assert writer.committable is None
    writer.write(12, TUESDAY, b"c\n", 0)
    store_closed(writer)
    assert writer.committable == 12


def test_with_everything_stored_the_next_offset_is_committed_once():
    writer = PartitionWriter(flush_size=1, rotate_schedule_ms=None)
    writer.write(10, MONDAY, b"a\n", 0)
    store_closed(writer)
    assert writer.committable == 11
    writer.committed = 11
    assert writer.committable is None


def test_a_passed_record_is_committed_but_not_before_those_below_it():
    writer = PartitionWriter(flush_size=10, rotate_schedule_ms=None)
    writer.skip(10)
    assert writer.committable == 11
    writer.committed = 11
    writer.write(11, MONDAY, b"a\n", 0)
    writer.skip(12)
    assert writer.committable is None
    writer.rotate()
    store_closed(writer)
    assert writer.committable == 13


def test_gaps_in_the_offsets_are_no_obstacle():
    writer = PartitionWriter(flush_size=2, rotate_schedule_ms=None)
    writer.write(10, MONDAY, b"a\n", 0)
    writer.write(20, MONDAY, b"b\n", 0)
    store_closed(writer)
    assert writer.committable == 21


def test_a_topic_made_anew_begins_a_new_object_and_commits_from_its_beginning():
    writer = PartitionWriter(flush_size=10, rotate_schedule_ms=None)
    writer.write(500, MONDAY, b"old\n", 0)
    writer.write(0, MONDAY, b"new\n", 0)
    assert closed(writer) == [(MONDAY, 500, b"old\n")]
    store_closed(writer)
    assert writer.committable == 0


def test_what_is_not_stored_counts_as_buffered():
    writer = PartitionWriter(flush_size=2, rotate_schedule_ms=None)
    for offset in range(3):
        writer.write(offset, MONDAY, b"1234", 0)
    assert writer.buffered_bytes == 12
    store_closed(writer)
    assert writer.buffered_bytes == 4
