"""Tokens for MSK: signed for real, with made-up credentials, and asked for by real clients that reach no broker."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from pinpipe_airflow.hooks import msk_iam
from pinpipe_airflow.hooks.kafka_config import KafkaConfigHook
from pinpipe_airflow.hooks.kafka_offsets import KafkaOffsetsHook
from pinpipe_airflow.hooks.kafka_topic import KafkaTopicHook
from pinpipe_airflow.hooks.msk_iam import with_msk_iam_tokens

from emulator.database import open_engine
from emulator.generator import generate_posts
from emulator.loading import load_posts
from emulator.receipt import PostingError
from emulator.replay import replay_days

MSK = "b-1.demo.abcde1.c2.kafka.eu-west-1.amazonaws.com:9098,b-2.demo.abcde1.c2.kafka.eu-west-1.amazonaws.com:9098"
EXTRA = {"bootstrap.servers": MSK, "security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}


@pytest.fixture(autouse=True)
def made_up_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.fixture
def msk(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_MSK", json.dumps({"conn_type": "kafka", "extra": EXTRA}))
    return "kafka_msk"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The regions that tokens were asked for."""
    regions: list[str] = []
    signed = msk_iam.msk_iam_token

    def noted(region: str, config: str = "") -> tuple[str, float]:
        regions.append(region)
        return signed(region, config)

    monkeypatch.setattr(msk_iam, "msk_iam_token", noted)
    # The provider's own callback, where it has one, gives way: these tests are about this project's.
    monkeypatch.setattr(
        "airflow.providers.apache.kafka.hooks.base.KafkaBaseHook._maybe_add_msk_iam_oauth",
        lambda *_: None,
        raising=False,
    )
    return regions


def test_a_token_is_a_signed_request_to_connect_and_says_in_seconds_when_it_ends() -> None:
    token, ends = with_msk_iam_tokens(EXTRA)["oauth_cb"]("")
    url = urlparse(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    query = {name: value for name, [value] in parse_qs(url.query).items()}
    assert url.netloc == "kafka.eu-west-1.amazonaws.com"
    assert query["Action"] == "kafka-cluster:Connect"
    assert query["X-Amz-Credential"].startswith("AKIDEXAMPLE/")
    assert query["X-Amz-Credential"].endswith("/eu-west-1/kafka-cluster/aws4_request")
    assert len(query["X-Amz-Signature"]) == 64
    assert 800 < ends - time.time() <= 901


@pytest.mark.parametrize(
    ("servers", "region"),
    [
        ("boot-abcde1.c2.kafka-serverless.us-east-1.amazonaws.com:9098", "us-east-1"),
        ("b-1.demo.abcde1.c2.kafka.cn-north-1.amazonaws.com.cn:9098", "cn-north-1"),
        ("B-1.DEMO.ABCDE1.C2.KAFKA.EU-WEST-1.AMAZONAWS.COM:9098", "eu-west-1"),
    ],
)
def test_the_region_is_that_of_the_cluster(servers: str, region: str, asked: list[str]) -> None:
    with_msk_iam_tokens({**EXTRA, "bootstrap.servers": servers})
    assert asked == [region]


@pytest.mark.parametrize(
    "config",
    [
        {"bootstrap.servers": "localhost:9092"},
        {"bootstrap.servers": MSK, "security.protocol": "SSL"},
        {"bootstrap.servers": MSK, "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"},
        {**EXTRA, "bootstrap.servers": "broker.example.com:9098", "sasl.oauthbearer.method": "oidc"},
        {**EXTRA, "bootstrap.servers": "b-1.kafka.eu-west-1.amazonaws.com.example.org:9098"},
    ],
)
def test_other_brokers_and_other_ways_in_are_left_alone(config: dict[str, str]) -> None:
    assert with_msk_iam_tokens(config) == config


def test_a_callback_of_ones_own_is_kept() -> None:
    def own(_: str) -> tuple[str, float]:
        return "token", time.time() + 60

    assert with_msk_iam_tokens({**EXTRA, "oauth_cb": own})["oauth_cb"] is own


def test_without_credentials_the_refusal_says_whose_are_needed(no_credentials: None) -> None:
    with pytest.raises(KafkaException, match=r"no token for MSK in eu-west-1: .*execution role"):
        with_msk_iam_tokens(EXTRA)


def test_the_hooks_for_topics_and_offsets_make_clients_with_tokens(msk: str, asked: list[str]) -> None:
    for hook in (KafkaTopicHook, KafkaOffsetsHook):
        asked.clear()
        assert isinstance(hook(kafka_config_id=msk).get_conn, AdminClient)
        # Once by the hook, to say what is wrong, and by the client.
        assert asked[:2] == ["eu-west-1", "eu-west-1"]


def test_producers_and_consumers_of_the_configuration_ask_for_tokens(msk: str, asked: list[str]) -> None:
    config = KafkaConfigHook(msk).config()
    asked.clear()
    Producer(config)
    assert asked == ["eu-west-1"]
    Consumer({**config, "group.id": "any"}).close()
    assert asked == ["eu-west-1"] * 2


def test_committed_offsets_are_asked_for_with_a_token(
    msk: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pinpipe_airflow.hooks.kafka_offsets.REQUEST_TIMEOUT_S", 0.2)
    with pytest.raises(KafkaException):
        KafkaOffsetsHook(kafka_config_id=msk).committed_offsets("connect-sink", {"a.pin": {"0": 1}})
    assert asked[:2] == ["eu-west-1", "eu-west-1"]


def test_a_replay_of_past_days_asks_for_a_token(
    msk: str, asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("emulator.replay.METADATA_TIMEOUT_S", 0.2)
    source = open_engine(f"sqlite:///{tmp_path / 'source.db'}")
    load_posts(source, generate_posts(3, seed=7))
    config = KafkaConfigHook(msk).config()
    asked.clear()
    with pytest.raises(PostingError, match="do not answer"):
        replay_days(
            source,
            day="2024-02-29",
            posts=1,
            kafka_config=config,
            topics={"pin": "a.pin", "geo": "a.geo", "user": "a.user"},
        )
    source.dispose()
    assert asked == ["eu-west-1"]
