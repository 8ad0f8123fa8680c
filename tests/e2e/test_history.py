"""A month of past days: in Kafka, and in S3 under the days' own prefixes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date

import pytest

from tests.e2e.conftest import World
from tests.e2e.kafka_log import read_log

pytestmark = pytest.mark.e2e

TOPICS = ("pinpipe.pin", "pinpipe.geo", "pinpipe.user")
POSTS = 20


def test_each_of_thirty_days_holds_its_posts_in_kafka(world: World, history: list[date]) -> None:
    logged = Counter((record.topic, record.logged_at.date()) for record in read_log(world.bootstrap))
    assert {(topic, day): logged[topic, day] for topic in TOPICS for day in history} == {
        (topic, day): POSTS for topic in TOPICS for day in history
    }


def test_each_of_thirty_days_lands_under_its_own_prefix(
    world: World, history: list[date], wait_until: Callable[[Callable[[], bool], float], None]
) -> None:
    def landed() -> Counter[date]:
        return Counter({day: sum(_lines(world, topic, day) for topic in TOPICS) for day in history})

    wait_until(lambda: landed() == Counter(dict.fromkeys(history, 3 * POSTS)), 60)


def _lines(world: World, topic: str, day: date) -> int:
    s3 = world.aws("s3")
    listed = s3.list_objects_v2(Bucket="pinpipe-local", Prefix=f"topics/{topic}/dt={day}/").get("Contents", [])
    bodies = (s3.get_object(Bucket="pinpipe-local", Key=entry["Key"])["Body"].read() for entry in listed)
    return sum(body.count(b"\n") for body in bodies)
