from __future__ import annotations

import pytest

from include.connector_definitions import CONNECTORS, msk_connector, rest_connector, short_hash, worker_properties
from include.settings import settings


@pytest.mark.parametrize("definition", CONNECTORS)
def test_msk_connect_gets_the_very_connector_that_runs_locally(definition):
    assert msk_connector(definition, settings().marks) == rest_connector(definition, settings().marks)


@pytest.mark.parametrize("definition", CONNECTORS)
def test_connectors_name_no_login_as_msk_connect_gives_them_the_roles(definition):
    config = msk_connector(definition, settings().marks).config
    assert not [key for key in config if "sasl" in key or "security.protocol" in key]


def test_the_worker_has_the_sinks_converters_and_one_offset_topic_for_all():
    properties = dict(line.split("=", 1) for line in worker_properties(settings().marks).splitlines())
    sink = rest_connector("sink", settings().marks).config
    assert {key: properties[key] for key in properties if "converter" in key} == {
        key: sink[key] for key in sink if "converter" in key
    }
    # Of the names that AWS' example of the role's policy allows.
    assert properties["offset.storage.topic"] == "__amazon_msk_connect_offsets_pinpipe"


def test_msk_connect_takes_every_property_of_the_worker():
    refused = ("access.control.", "admin.", "client.", "connect.", "internal.", "rest.", "sasl.", "security.", "ssl.")
    keys = [line.partition("=")[0] for line in worker_properties(settings().marks).splitlines()]
    assert not [key for key in keys if key.startswith(refused)]
    assert [key for key in keys if key.startswith("producer.")] == ["producer.acks"]


def test_a_name_stands_for_its_content_alone():
    assert short_hash("a", "b") == short_hash("a", "b") != short_hash("ab")
    assert len(short_hash("a")) == 12
