"""Epochs of the streams: a stream that was deleted and created anew counts its records anew.

A checkpoint names positions in streams. In streams created since they mean nothing, so each epoch has its own.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from include import layout

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import StreamDescriptionSummaryTypeDef
    from mypy_boto3_s3 import S3Client

_DIGITS = 12
_READABLE = ("ACTIVE", "UPDATING")

log = logging.getLogger(__name__)


class MissingStreamError(RuntimeError):
    """A stream is not there, or cannot be read yet or any more."""


def creation_times(kinesis: KinesisClient, streams: Iterable[str]) -> dict[str, datetime]:
    """Return when each stream was created.

    :raises MissingStreamError: names all that are not there, and the way out.
    """
    return {name: told["StreamCreationTimestamp"] for name, told in _summaries(kinesis, streams).items()}


def longest_retention(kinesis: KinesisClient, streams: Iterable[str]) -> timedelta:
    """Return how old a record may be that is read from one of the streams.

    :raises MissingStreamError: see :func:`creation_times`.
    """
    hours = (told["RetentionPeriodHours"] for told in _summaries(kinesis, streams).values())
    return timedelta(hours=max(hours))


def epoch_of(created: Mapping[str, datetime]) -> str:
    """Return the name of the epoch that streams created at these times make: 12 hex digits."""
    told = {name: moment.astimezone(UTC).isoformat() for name, moment in created.items()}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def known_epochs(s3: S3Client, bucket: str, job: str) -> list[str]:
    """Return the epochs that a job has checkpoints of."""
    prefix = layout.checkpoint_prefix(job)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    folders = (entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ()))
    return [folder.removeprefix(prefix).rstrip("/") for folder in folders]


def reason_to_change(kinesis: KinesisClient, streams: Iterable[str], epoch: str) -> str | None:
    """Return why a run of ``epoch`` cannot go on: streams were created anew. ``None`` if not, or Kinesis does not tell.

    Positions in the streams before would silently be taken for positions in these.
    """
    try:
        present = epoch_of(creation_times(kinesis, streams))
    except (MissingStreamError, BotoCoreError, ClientError) as error:  # reading them fails too, if that lasts
        log.warning("it is not known whether the streams are those of epoch %s: %s", epoch, error)
        return None
    return None if present == epoch else f"streams were created anew: epoch {present} begins, this is {epoch}"


def _summaries(kinesis: KinesisClient, streams: Iterable[str]) -> dict[str, StreamDescriptionSummaryTypeDef]:
    summaries: dict[str, StreamDescriptionSummaryTypeDef] = {}
    unreadable: dict[str, str] = {}
    for name in streams:
        try:
            summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        except kinesis.exceptions.ResourceNotFoundException:
            unreadable[name] = "does not exist"
            continue
        if summary["StreamStatus"] in _READABLE:
            summaries[name] = summary
        else:
            unreadable[name] = f"is {summary['StreamStatus']}"
    if unreadable:
        told = ", ".join(f"{name} {state}" for name, state in unreadable.items())
        raise MissingStreamError(f"streams cannot be read: {told}; run the DAG provision, which creates them")
    return summaries
