"""Clients of MSK that are known by their IAM role."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from airflow.providers.apache.kafka.hooks.base import KafkaBaseHook
from confluent_kafka import KafkaError, KafkaException

# https://docs.aws.amazon.com/msk/latest/developerguide/msk-get-bootstrap-brokers.html
_MSK_BROKER = re.compile(r"\.kafka(?:-serverless)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?:\d+", re.IGNORECASE)


def msk_iam_token(region: str, _config: str = "") -> tuple[str, float]:
    """Return a token for MSK and the moment at which it ends, in seconds since 1970 (UTC).

    The credentials are those that boto3 finds by itself; in MWAA, the environment's execution role. The token is signed
    without a request to AWS: https://docs.aws.amazon.com/msk/latest/developerguide/iam-access-control.html

    :param region: the cluster's AWS region.
    :param _config: what librdkafka passes, ``sasl.oauthbearer.config``; a token for MSK has no use for it.
    :raises Exception: when there are no credentials.
    """
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider

    token, ends_ms = MSKAuthTokenProvider.generate_auth_token(region)
    return token, ends_ms / 1000


def with_msk_iam_tokens(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a client configuration whose client asks for tokens, where it is one for MSK and ``OAUTHBEARER``.

    Such a connection's extra is ``{"bootstrap.servers": "b-1.….kafka.<region>.amazonaws.com:9098,…",
    "security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}``. The Kafka provider adds the tokens from 1.15
    on; Airflow 3.2.1 has an older one. A callback that is there already is kept.

    :param config: librdkafka's configuration.
    :raises KafkaException: when no token can be made. It is asked for the first one here, as the client would wait for
        ten seconds and not say why it has none.
    """
    found = dict(config)
    mechanism = found.get("sasl.mechanism") or found.get("sasl.mechanisms")
    broker = _MSK_BROKER.search(str(found.get("bootstrap.servers")))
    if broker is None or mechanism != "OAUTHBEARER":
        return found
    region = broker["region"].lower()
    found.setdefault("oauth_cb", partial(msk_iam_token, region))
    try:
        found["oauth_cb"](str(found.get("sasl.oauthbearer.config", "")))
    except Exception as error:
        raise KafkaException(
            KafkaError(
                KafkaError._AUTHENTICATION,
                f"no token for MSK in {region}: {error}. It is signed with the AWS credentials of this process: in "
                "MWAA the environment's execution role, elsewhere what boto3 finds",
            )
        ) from error
    return found


class MskIamHook(KafkaBaseHook):
    """Adds tokens to the client of a Kafka hook: name it before the provider's class."""

    def _get_client(self, config: dict[str, Any]) -> Any:
        return super()._get_client(with_msk_iam_tokens(config))
