"""Posts of a test's own, with numbers that the source does not have, sent both ways."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from confluent_kafka import Producer

from tests.e2e.conftest import World


def rows_of(number: int) -> dict[str, dict[str, Any]]:
    """Return the three rows of a post, as the wire has them."""
    return {
        "pin": {
            "index": number,
            "unique_id": str(uuid5(NAMESPACE_URL, f"post {number}")),
            "title": f"Post {number}",
            "description": "A post of a test",
            "poster_name": f"Poster {number % 7}",
            "follower_count": f"{number % 90}k",
            "tag_list": "a,b",
            "is_image_or_video": "image",
            "image_src": f"https://i.example.org/{number}.jpg",
            "downloaded": 1,
            "save_location": "Local save in /data/art",
            "category": "art",
        },
        "geo": {
            "ind": number,
            "timestamp": "2020-08-28T03:52:47",
            "latitude": -29.5,
            "longitude": 89.5,
            "country": "Fiji",
        },
        "user": {
            "ind": number,
            "first_name": "Ann",
            "last_name": f"Lee {number}",
            "age": 20 + number % 40,
            "date_joined": "2016-12-08T20:02:43",
        },
    }


def write_to_kafka(world: World, numbers: Iterable[int], logged_at: datetime) -> None:
    """Write posts to the topics with a log timestamp of the caller's, as a replay does."""
    producer = Producer({"bootstrap.servers": world.bootstrap, "enable.idempotence": True})
    moment = int(logged_at.timestamp() * 1000)
    for number in numbers:
        for data_set, row in rows_of(number).items():
            producer.produce(f"pinpipe.{data_set}", json.dumps(row), str(number), timestamp=moment)
    assert producer.flush(30) == 0


def put_into_streams(world: World, numbers: Iterable[int]) -> None:
    """Put posts into the streams through the API, one record per request."""
    for number in numbers:
        for data_set, row in rows_of(number).items():
            stream = f"pinpipe-{data_set}"
            world.put(stream, "record", {"StreamName": stream, "Data": row, "PartitionKey": f"{data_set}-{number}"})
