from __future__ import annotations

import pytest


@pytest.fixture
def config() -> dict[str, str]:
    """A sound configuration of a JSON sink."""
    return {
        "name": "sink",
        "connector.class": "io.confluent.connect.s3.S3SinkConnector",
        "tasks.max": "2",
        "topics.regex": r"pinpipe\.(pin|geo|user)",
        "s3.bucket.name": "bucket",
        "s3.region": "us-east-1",
        "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
        "flush.size": "10000",
        "rotate.schedule.interval.ms": "5000",
        "partitioner.class": "io.confluent.connect.storage.partitioner.TimeBasedPartitioner",
        "path.format": "'dt='YYYY-MM-dd",
        "partition.duration.ms": "86400000",
        "locale": "en-US",
        "timezone": "UTC",
        "timestamp.extractor": "Record",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "transforms": "address",
        "transforms.address.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.address.topic.field": "_topic",
        "transforms.address.offset.field": "_offset",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "pinpipe.dead_letter",
    }
