"""Links to what a day has in S3."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import attrs
from airflow.sdk import BaseOperatorLink

from include import layout
from include.schema import DATASETS
from include.settings import settings
from pinpipe_airflow.links.linked_day import linked_day

# https://docs.aws.amazon.com/general/latest/gr/aws-arns.html names the partitions; each has a console of its own.
_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


@attrs.define(init=False)
class S3PrefixLink(BaseOperatorLink):
    """Leads to the objects below a prefix: in the console of AWS, or, with an endpoint of its own, to their listing.

    :param label: what there is, as the button says it.
    :param prefix: returns the prefix of a day, ``YYYY-MM-DD``.
    """

    label: str
    prefix: Callable[[str], str]

    def __init__(self, label: str, prefix: Callable[[str], str]) -> None:
        self.label = label
        self.prefix = prefix

    @property
    def name(self) -> str:
        """What the button says."""
        return f"S3: {self.label}"

    @property
    def xcom_key(self) -> str:
        """Where the link is kept; each of the class has its own."""
        return f"_link_s3_{self.label.replace(' ', '_')}"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address."""
        return prefix_url(settings().bucket, self.prefix(linked_day(operator)), settings().region)


def prefix_url(bucket: str, prefix: str, region: str) -> str:
    """Return where a person sees the objects below a prefix.

    :param region: the bucket's.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        return f"{endpoint.rstrip('/')}/{bucket}?{urlencode({'list-type': 2, 'prefix': prefix})}"
    console = next((name for start, name in _CONSOLES.items() if region.startswith(start)), "console.aws.amazon.com")
    return f"https://{region}.{console}/s3/buckets/{bucket}?{urlencode({'region': region, 'prefix': prefix})}"


def _raw(data_set: str) -> Callable[[str], str]:
    return lambda day: layout.raw_prefix(settings().topics[data_set], day)


def _receipt(day: str) -> str:
    return f"{layout.receipt_key('clean_batch', day).rpartition('/')[0]}/"


S3_LINKS = (*(S3PrefixLink(f"raw {name}", _raw(name)) for name in DATASETS), S3PrefixLink("receipt", _receipt))
