"""Whether names can be had: who has the bucket's, and how long the services let them be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.hooks.s3_bucket import S3BucketHook
from pinpipe_airflow.preflight.result import Check, Finding, ok, warning, wrong

if TYPE_CHECKING:
    from include.settings import Settings

_BUCKET = "bucket"
_LENGTHS = "lengths of names"

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_FORBIDDEN = re.compile(
    r"\.\.|^[0-9]+(\.[0-9]+){3}$|^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$"
)
# https://kafka.apache.org/documentation/ (TopicNameValidator), and the services' API references
_LONGEST_TOPIC = 249
_LONGEST_STREAM = 128
_LONGEST_CONNECTOR = 128
_LONGEST_ROLE = 64


def bucket(wanted: Settings) -> Iterator[Finding]:
    """See whether the bucket's name may be one, and is free or ours."""
    name = wanted.bucket
    subject = f"{_BUCKET} {name}"
    if _FORBIDDEN.search(name):
        yield wrong(subject, "S3 does not take such a name", "choose another one (setting bucket)")
        return
    if "." in name:
        yield warning(
            subject,
            "a dot in its name: TLS certificates do not cover its address",
            "choose a name without dots (setting bucket) before anything lies in it",
        )
    try:
        region = S3BucketHook(**aws_place(wanted)).region(name)
    except PermissionError as refused:
        yield wrong(subject, str(refused), "choose another name (setting bucket), or allow s3:ListBucket")
        return
    except (BotoCoreError, ClientError) as error:
        yield wrong(subject, f"S3 does not say whose it is: {error}", "see the check of the AWS credentials")
        return
    if region is None:
        yield ok(subject, "the name is free, as far as these credentials can see: provision makes it")
    elif region != wanted.region:
        yield wrong(
            subject,
            f"it is in region {region}, and the setting region is {wanted.region}",
            "a bucket cannot move: set region to where it is, or choose another name (setting bucket)",
        )
    else:
        yield ok(subject, f"it is there, in {region}")


def lengths(wanted: Settings) -> Iterator[Finding]:
    """See that no derived name is longer than its service lets it be."""
    limits = {
        "topic": (_LONGEST_TOPIC, [*wanted.topics.values(), wanted.dead_letter_topic]),
        "stream": (_LONGEST_STREAM, list(wanted.streams.values())),
        "connector": (_LONGEST_CONNECTOR, [wanted.sink_connector, wanted.dead_letter_connector]),
        "role": (_LONGEST_ROLE, [wanted.api_kinesis_role.rpartition("/")[2]]),
    }
    long = [
        f"{kind} {name} has {len(name)} characters, {limit} are allowed"
        for kind, (limit, names) in limits.items()
        for name in names
        if len(name) > limit
    ]
    if long:
        yield wrong(_LENGTHS, "; ".join(long), "choose a shorter pipeline_id, or a role with a shorter name")
    else:
        yield ok(_LENGTHS, f"every name made from pipeline_id {wanted.pipeline_id!r} is short enough")


CHECKS = (Check(_BUCKET, bucket), Check(_LENGTHS, lengths))
