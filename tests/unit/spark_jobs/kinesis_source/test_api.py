"""The calls of Kinesis against boto3's own model of them, and what their errors mean."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from spark_jobs.kinesis_source.api import KinesisApi, Record, Shard
from spark_jobs.kinesis_source.client import kinesis_client
from spark_jobs.kinesis_source.errors import (
    ExpiredIteratorError,
    KinesisSourceError,
    OptionError,
    ShardGoneError,
    StreamNotFoundError,
    TransientError,
)
from spark_jobs.kinesis_source.options import Connection, Stream

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
DATED = {"HTTPStatusCode": 200, "HTTPHeaders": {"date": "Sat, 31 Jan 2026 10:00:00 GMT"}}
AT_TEN = datetime(2026, 1, 31, 10, tzinfo=UTC)
CONNECTION = Connection(region="us-east-1", endpoint="http://127.0.0.1:9", access_key="x", secret_key="x")


@pytest.fixture
def stub():
    with Stubber(kinesis_client(CONNECTION)) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def api():
    return KinesisApi(lambda: kinesis_client(CONNECTION))


def shard(number, **parents):
    return {
        "ShardId": f"shardId-{number:012d}",
        "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
        "SequenceNumberRange": {"StartingSequenceNumber": str(number)},
        **parents,
    }


def test_a_shard_with_an_ending_sequence_number_is_closed(stub, api):
    closed = shard(0)
    closed["SequenceNumberRange"]["EndingSequenceNumber"] = "9"
    stub.add_response(
        "list_shards", {"Shards": [closed, shard(1)], "ResponseMetadata": DATED}, {"StreamName": "s", "MaxResults": 9}
    )
    assert [listed.closed for listed in api.list_shards(Stream("s"), 9)[0]] == [True, False]


def test_shards_are_listed_with_their_parents_page_by_page(stub, api):
    second = shard(1, ParentShardId="shardId-000000000000", AdjacentParentShardId="shardId-000000000009")
    stub.add_response(
        "list_shards", {"Shards": [second], "NextToken": "more", "ResponseMetadata": DATED},
        {"StreamName": "s", "MaxResults": 1},
    )  # fmt: skip
    stub.add_response(
        "list_shards", {"Shards": [shard(0)], "ResponseMetadata": DATED}, {"NextToken": "more", "MaxResults": 1}
    )
    shards, now = api.list_shards(Stream("s"), 1)
    assert shards == [
        Shard("shardId-000000000000", (), "0"),
        Shard("shardId-000000000001", ("shardId-000000000000", "shardId-000000000009"), "1"),
    ]
    assert now == AT_TEN


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda api: api.iterator_from(Stream("s"), "i", None),
            {"StreamName": "s", "ShardIteratorType": "TRIM_HORIZON"},
        ),
        (
            lambda api: api.iterator_from(Stream("s", ARN), "i", AT_TEN),
            {"StreamARN": ARN, "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": AT_TEN},
        ),
        (
            lambda api: api.iterator_at_sequence_number(Stream("s"), "i", "007"),
            {"StreamName": "s", "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "007"},
        ),
    ],
)
def test_an_iterator_begins_where_it_is_told_to(stub, api, call, told):
    stub.add_response("get_shard_iterator", {"ShardIterator": "it"}, {"ShardId": "i", **told})
    assert call(api) == "it"


def test_records_come_as_kinesis_keeps_them(stub, api):
    arrived = datetime(2026, 1, 31, 9, 59, 59, 250000, tzinfo=UTC)
    record = {"SequenceNumber": "17", "ApproximateArrivalTimestamp": arrived, "Data": b"x", "PartitionKey": "k"}
    stub.add_response(
        "get_records",
        {"Records": [record], "NextShardIterator": "next", "MillisBehindLatest": 1500, "ResponseMetadata": DATED},
        {"ShardIterator": "it", "Limit": 5},
    )
    page = api.get_records(Stream("s"), "it", 5)
    assert page == ([Record("k", b"x", "17", arrived.timestamp())], "next", timedelta(seconds=1.5), AT_TEN)


def test_a_closed_shard_ends_without_a_next_iterator(stub, api):
    stub.add_response("get_records", {"Records": [], "ResponseMetadata": DATED}, {"ShardIterator": "it", "Limit": 5})
    assert api.get_records(Stream("s"), "it", 5).next_iterator is None


def test_retention_is_what_the_stream_says(stub, api):
    summary = {
        "StreamName": "s", "StreamARN": ARN, "StreamStatus": "ACTIVE", "RetentionPeriodHours": 48, "OpenShardCount": 1,
        "StreamCreationTimestamp": AT_TEN, "EnhancedMonitoring": [],
    }  # fmt: skip
    stub.add_response("describe_stream_summary", {"StreamDescriptionSummary": summary}, {"StreamName": "s"})
    assert api.retention(Stream("s")) == timedelta(days=2)


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("ProvisionedThroughputExceededException", 400, TransientError),
        ("LimitExceededException", 400, TransientError),
        ("KMSThrottlingException", 400, TransientError),
        ("InternalFailure", 500, TransientError),
        ("ServiceUnavailable", 503, TransientError),
        ("ExpiredIteratorException", 400, ExpiredIteratorError),
        ("ResourceNotFoundException", 400, ShardGoneError),
        ("AccessDeniedException", 400, KinesisSourceError),
        ("KMSAccessDeniedException", 400, KinesisSourceError),
    ],
)
def test_an_error_of_kinesis_means_what_helps_against_it(stub, api, code, status, meaning):
    stub.add_client_error("get_records", code, "said", status)
    with pytest.raises(KinesisSourceError, match=f"get_records of stream 's': {code}: said") as caught:
        api.get_records(Stream("s"), "it", 5)
    assert type(caught.value) is meaning


def test_a_stream_that_is_not_there_is_told_from_a_shard(stub, api):
    stub.add_client_error("list_shards", "ResourceNotFoundException", "no")
    with pytest.raises(StreamNotFoundError, match="stream 's' is not there"):
        api.list_shards(Stream("s"), 1)


def test_no_connection_passes(api):
    with pytest.raises(TransientError, match="Could not connect to the endpoint URL"):
        api.list_shards(Stream("s"), 1)


def test_no_credentials_is_an_error_at_once(monkeypatch, tmp_path):
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    api = KinesisApi(lambda: kinesis_client(Connection(region="us-east-1", endpoint="http://127.0.0.1:9")))
    with pytest.raises(KinesisSourceError, match="Unable to locate credentials") as caught:
        api.list_shards(Stream("s"), 1)
    assert not isinstance(caught.value, TransientError)


def test_a_client_is_made_once():
    assert kinesis_client(CONNECTION) is kinesis_client(Connection(**vars(CONNECTION)))


def test_no_region_is_an_error_that_says_how_to_give_one(monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(OptionError, match="option region is missing"):
        kinesis_client(Connection(access_key="y", secret_key="y"))
