import pytest

from include.rendering import render_yaml
from include.settings import settings
from local.connect.config_validation import validation
from local.connect.errors import ConnectError, InvalidConfigError
from local.connect.sink_config import config_faults, sink_config

CLASS = "io.confluent.connect.s3.S3SinkConnector"


@pytest.mark.parametrize("definition", ["sink.yaml", "dead_letter.yaml"])
def test_the_pipelines_own_definitions_are_sound(definition):
    declared = render_yaml("connectors", definition, values=settings().marks)
    parsed = sink_config({**declared["config"], "name": declared["name"]})
    assert parsed.group == f"connect-{declared['name']}"
    assert parsed.json_objects == (definition == "sink.yaml")


def test_a_sound_configuration_is_typed(config):
    parsed = sink_config(config)
    assert parsed.subscription == [r"^(pinpipe\.(pin|geo|user))$"]
    assert (parsed.tasks_max, parsed.flush_size, parsed.rotate_schedule_ms) == (2, 10_000, 5_000)
    assert (parsed.inserted.topic, parsed.inserted.partition, parsed.inserted.offset) == ("_topic", None, "_offset")
    assert (parsed.tolerate_errors, parsed.dead_letter_topic) == (True, "pinpipe.dead_letter")


def test_topics_may_be_named_instead_of_matched(config):
    del config["topics.regex"]
    assert sink_config({**config, "topics": "a, b"}).subscription == ["a", "b"]


def test_rotation_by_time_may_be_off(config):
    assert sink_config({**config, "rotate.schedule.interval.ms": "-1"}).rotate_schedule_ms is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("colour", "red"),
        ("rotate.interval.ms", "1000"),
        ("connector.class", "org.example.Sink"),
        ("tasks.max", "0"),
        ("flush.size", "many"),
        ("s3.bucket.name", "Not A Bucket"),
        ("s3.region", "mars"),
        ("topics.dir", "/topics/"),
        ("timezone", "Europe/Berlin"),
        ("timestamp.extractor", "Wallclock"),
        ("path.format", "'year='YYYY"),
        ("partition.duration.ms", "3600000"),
        ("format.class", "io.confluent.connect.s3.format.avro.AvroFormat"),
        ("format.bytearray.separator", "\\n"),
        ("value.converter", "org.apache.kafka.connect.converters.ByteArrayConverter"),
        ("value.converter.schemas.enable", "true"),
        ("transforms", "a,b"),
        ("transforms.address.type", "org.apache.kafka.connect.transforms.Flatten$Value"),
        ("transforms.address.offset.field", "offset!"),
        ("transforms.address.static.field", "x"),
        ("transforms.other.offset.field", "x"),
        ("behavior.on.null.values", "write"),
        ("report.null.values.to.dlq", "false"),
        ("errors.tolerance", "some"),
        ("errors.deadletterqueue.topic.name", ""),
        ("errors.deadletterqueue.context.headers.enable", "yes"),
        ("topics", "a"),
        ("topics.regex", "(unclosed"),
        ("topics.regex", r"pin\d+"),
        ("topics.regex", "(?:pin|geo)"),
        ("topics.regex", r"pinpipe\..*"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(config, key, value):
    config[key] = value
    with pytest.raises(InvalidConfigError) as refusal:
        sink_config(config)
    assert key in refusal.value.message
    assert refusal.value.status == 400


@pytest.mark.parametrize("topics", ["^.*", "^pinpipe", "a,^b", "a b", "a,,b", "ä"])
def test_a_named_topic_is_a_name_and_never_a_pattern(config, topics):
    del config["topics.regex"]
    with pytest.raises(InvalidConfigError, match=r"for configuration topics: supported is what matches"):
        sink_config({**config, "topics": topics})


@pytest.mark.parametrize(
    "key", ["connector.class", "flush.size", "s3.bucket.name", "format.class", "timezone", "value.converter"]
)
def test_what_is_missing_is_named(config, key):
    del config[key]
    with pytest.raises(InvalidConfigError, match=f'Missing required configuration "{key}"'):
        sink_config(config)


def test_neither_topics_nor_pattern_is_refused(config):
    del config["topics.regex"]
    assert config_faults(config) == {"topics": ['Must configure exactly one of "topics" and "topics.regex".']}


def test_a_dead_letter_topic_without_tolerance_is_refused(config):
    config["errors.tolerance"] = "none"
    assert "has no effect" in config_faults(config)["errors.deadletterqueue.topic.name"][0]


def test_nulls_are_ignored_only_where_they_become_dead_letters(config):
    assert sink_config({**config, "behavior.on.null.values": "ignore"}).ignore_nulls
    assert not sink_config(config).ignore_nulls
    strict = {key: value for key, value in config.items() if not key.startswith("errors.")}
    faults = config_faults({**strict, "behavior.on.null.values": "ignore"})
    assert "nulls would be lost" in faults["behavior.on.null.values"][0]


def test_bytes_are_one_record_an_object_without_transforms(config):
    converter = "org.apache.kafka.connect.converters.ByteArrayConverter"
    bytes_format = "io.confluent.connect.s3.format.bytearray.ByteArrayFormat"
    faults = config_faults({**config, "format.class": bytes_format, "value.converter": converter})
    assert faults.keys() == {"transforms", "flush.size"}


def test_validation_tells_every_fault_beside_its_key(config):
    told = validation("S3SinkConnector", {**config, "colour": "red", "flush.size": "0"})
    faults = {each["value"]["name"]: each["value"]["errors"] for each in told["configs"] if each["value"]["errors"]}
    assert faults.keys() == {"colour", "flush.size"}
    assert told["error_count"] == 2


def test_a_sound_configuration_validates_without_faults(config):
    assert validation(CLASS, config)["error_count"] == 0


def test_another_class_cannot_be_validated(config):
    with pytest.raises(ConnectError, match="Failed to find any class"):
        validation("FileStreamSink", config)
