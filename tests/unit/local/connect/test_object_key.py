import pytest

from local.connect.object_key import day_partition, object_key


@pytest.mark.parametrize(
    ("timestamp", "day"),
    [
        (0, "dt=1970-01-01"),
        (86_399_999, "dt=1970-01-01"),
        (86_400_000, "dt=1970-01-02"),
        (1_709_164_800_000, "dt=2024-02-29"),
        (-1, "dt=1969-12-31"),
    ],
)
def test_the_day_is_the_utc_day_of_the_record(timestamp, day):
    assert day_partition(timestamp) == day


def test_the_key_names_topic_partition_and_first_offset():
    key = object_key("topics", "pinpipe.pin", 2, "dt=2024-02-29", 17, "json")
    assert key == "topics/pinpipe.pin/dt=2024-02-29/pinpipe.pin+2+0000000017.json"
