import pytest

from spark_jobs.kinesis_source.errors import OptionError
from spark_jobs.kinesis_source.options import Stream, parse

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/a"


def test_what_is_not_given_is_as_in_the_built_in_source():
    options = parse({"streamName": "a, b"})
    assert options.streams == (Stream("a"), Stream("b"))
    assert options.initial_position.latest
    assert (options.max_records_per_fetch, options.max_fetch_rate, options.min_fetch_period) == (10_000, 1 << 20, 0.4)
    assert (options.shards_per_task, options.fail_on_data_loss) == (5, True)


def test_options_are_taken_in_any_case_of_letters_as_spark_hands_them_on():
    options = parse(
        {
            "streamname": "a",
            "REGION": "eu-west-1",
            "minfetchperiod": "1s",
            "maxfetchrate": "2.0",
            "fetchbuffersize": "2gb",
            "failondataloss": "FALSE",
            "initialposition": "TRIM_HORIZON",
        }
    )
    assert (options.connection.region, options.min_fetch_period, options.max_fetch_rate) == ("eu-west-1", 1, 2 << 20)
    assert (options.fetch_buffer_size, options.fail_on_data_loss) == (2 << 30, False)
    assert not options.initial_position.latest


def test_bounds_of_fetching_are_taken_as_the_built_in_source_takes_them():
    options = parse({"streamName": "a", "fetchBufferSize": "64mb", "maxFetchDuration": "1s", "maxFetchRate": "2.0"})
    assert (options.fetch_buffer_size, options.max_fetch_rate) == (64 << 20, 2 << 20)


def test_options_without_effect_here_are_taken():
    bare = parse({"streamName": "a"})
    given = {"maxFetchDuration": "2m", "coalesceThresholdBlockSize": "10000000", "coalesceBinSize": "128000000"}
    assert parse({"streamName": "a", **given}) == bare


@pytest.mark.parametrize("name", ["endpoint", "endpointUrl"])
def test_an_endpoint_goes_by_either_name_and_is_https_unless_it_says_otherwise(name):
    assert parse({"streamName": "a", name: "http://127.0.0.1:1"}).connection.endpoint == "http://127.0.0.1:1"
    bare = parse({"streamName": "a", name: "kinesis.eu-west-1.amazonaws.com"})
    assert bare.connection.endpoint == "https://kinesis.eu-west-1.amazonaws.com"


def test_an_arn_tells_name_and_region():
    options = parse({"streamARN": ARN})
    assert options.streams == (Stream("a", ARN),)
    assert options.streams[0].request == {"StreamARN": ARN}
    assert options.connection.region == "eu-west-1"


def test_secrets_are_not_printed():
    options = parse({"streamName": "a", "awsAccessKey": "AKIA", "awsSecretKey": "hush", "sessionToken": "quiet"})
    assert "hush" not in repr(options)
    assert "quiet" not in repr(options)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "streamName and streamARN are missing"),
        ({"streamName": "a", "streamARN": ARN}, "are both given"),
        ({"streamName": "a,a"}, "named twice"),
        ({"streamName": "a b"}, "'a b', which is no stream's name"),
        ({"streamARN": "a"}, "streamARN holds 'a'"),
        ({"streamARN": ARN, "region": "us-east-1"}, "one query reads one region"),
        ({"maxFetchRat": "1"}, "option maxFetchRat is none of"),
        ({"maxRecordsPerFetch": "10001"}, "maxRecordsPerFetch is '10001': give a whole number from 1 to 10,000"),
        ({"maxRecordsPerFetch": "0"}, "maxRecordsPerFetch is '0'"),
        ({"maxRecordsPerTrigger": "many"}, "maxRecordsPerTrigger is 'many': give a whole number from 1 upwards"),
        ({"maxFetchRate": "2.5"}, "maxFetchRate is '2.5'"),
        ({"maxFetchRate": "fast"}, "maxFetchRate is 'fast'"),
        ({"minFetchPeriod": "100ms"}, "minFetchPeriod is '100ms': give at least 200ms"),
        ({"minFetchPeriod": "1 fortnight"}, "give a duration such as 200ms"),
        ({"maxFetchDuration": "soon"}, "maxFetchDuration is 'soon'"),
        ({"fetchBufferSize": "big"}, "fetchBufferSize is 'big'"),
        ({"maxBytesPerTrigger": "0mb"}, "maxBytesPerTrigger is '0mb'"),
        ({"failOnDataLoss": "no"}, "failOnDataLoss is 'no': give true or false"),
        ({"consumerMode": "efo"}, "consumerMode is 'efo'"),
        ({"consumername": "me"}, "option consumerName is 'me': there is no enhanced fan-out outside Databricks"),
        ({"requireConsumerDeregistration": "true"}, "requireConsumerDeregistration is 'true': there is no enhanced"),
        ({"coalesceThresholdBlockSize": "10mb"}, "coalesceThresholdBlockSize is '10mb': give a whole number from 1"),
        ({"coalesceBinSize": "0"}, "coalesceBinSize is '0'"),
        ({"serviceCredential": "mine"}, "serviceCredential is 'mine': there is none outside Databricks"),
        ({"awsAccessKey": "AKIA"}, "one is missing"),
        ({"sessionToken": "t"}, "sessionToken is given without"),
        ({"roleExternalId": "x"}, "roleExternalId is 'x' without roleArn"),
        ({"endpoint": "http://a", "endpointUrl": "http://b"}, "endpoint and endpointUrl differ"),
        ({"initialPosition": "first"}, "initialPosition is 'first'"),
    ],
)
def test_what_is_wrong_is_said_with_the_option_its_value_and_the_way_out(given, message):
    streams = {} if given.keys() & {"streamName", "streamARN"} or not given else {"streamName": "a"}
    with pytest.raises(OptionError, match=message.replace("(", r"\(")):
        parse({**streams, **given})


@pytest.mark.parametrize(
    ("text", "seconds"), [("200ms", 0.2), ("1000us", 0.001), ("10s", 10), ("2m", 120), ("2 min", 120), ("1H", 3600)]
)
def test_durations_are_written_as_spark_writes_them(text, seconds):
    assert (
        parse({"streamName": "a", "maxFetchDuration": "1s", "shardFetchInterval": "1d"}).shard_fetch_interval == 86400
    )
    from spark_jobs.kinesis_source.option_values import duration

    assert duration("x", text) == pytest.approx(seconds)
