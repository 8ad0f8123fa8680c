from pathlib import Path

from local.kafka.server_properties import server_properties


def properties() -> dict[str, str]:
    text = server_properties(host="127.0.0.1", broker_port=9, controller_port=10, log_dir=Path("/state/data"))
    return dict(line.split("=", 1) for line in text.splitlines())


def test_every_listener_is_on_the_given_host():
    assert properties()["listeners"] == "PLAINTEXT://127.0.0.1:9,CONTROLLER://127.0.0.1:10"
    assert properties()["advertised.listeners"] == properties()["listeners"]


def test_topics_are_never_made_by_a_first_record():
    assert properties()["auto.create.topics.enable"] == "false"


def test_the_past_is_taken_without_limit_and_the_future_up_to_an_hour():
    assert properties()["log.message.timestamp.before.max.ms"] == "9223372036854775807"
    assert properties()["log.message.timestamp.after.max.ms"] == "3600000"


def test_nothing_is_forgotten_unless_a_topic_says_so():
    assert properties()["log.retention.ms"] == "-1"
