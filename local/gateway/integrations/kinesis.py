"""What Kinesis itself refuses, and ministack, which stands for it, does not: names that no stream can have."""

from __future__ import annotations

import re

import msgspec

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html
_STREAM_NAME = r"[a-zA-Z0-9_.-]{1,128}"


class _OfStream(msgspec.Struct):
    StreamName: str | None = None


def fault_of(body: bytes) -> str | None:
    """Return why Kinesis refuses a request, in its words, ``None`` where that is ministack's to say."""
    try:
        # What else there is, 10 MB of records perhaps, is skipped: that takes two milliseconds.
        name = msgspec.json.decode(body, type=_OfStream).StreamName
    except (msgspec.DecodeError, RecursionError):
        return None
    if name is None or re.fullmatch(_STREAM_NAME, name, re.ASCII):
        return None
    return (
        f"1 validation error detected: Value '{name}' at 'streamName' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {_STREAM_NAME}"
    )
