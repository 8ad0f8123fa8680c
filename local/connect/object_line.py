"""From a record's value to a line of a raw object, without changing what the value says."""

from __future__ import annotations

import json
from dataclasses import dataclass

import msgspec

from local.json_text import beyond_limits, fault_of

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
# Valid JSON holds line breaks only between its tokens, where a blank means the same.
_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


class NotAnObjectError(ValueError):
    """A value that is not a JSON object in UTF-8; says why."""


@dataclass(frozen=True)
class InsertedFields:
    """The names under which ``InsertField$Value`` adds a record's address; None: not added."""

    topic: str | None = None
    partition: str | None = None
    offset: str | None = None
    timestamp: str | None = None

    def members(self, topic: str, partition: int, offset: int, timestamp: int) -> dict[str, str]:
        """Return the JSON text of each field to add, by name, in the transform's order.

        :param timestamp: the record's, in ms since 1970-01-01 UTC.
        """
        texts = (
            (self.topic, json.dumps(topic)),
            (self.partition, str(partition)),
            (self.offset, str(offset)),
            (self.timestamp, str(timestamp)),
        )
        return {name: text for name, text in texts if name is not None}


def is_null(value: bytes | None) -> bool:
    """Return whether Kafka Connect's JsonConverter makes null of ``value``: of none, of blanks, of ``null``."""
    return value is None or value.strip(b" \t\r\n") in (b"", b"null")


def object_line(value: bytes | None, inserted: dict[str, str]) -> bytes:
    """Return ``value``, a JSON object, as one line that ends with the ``inserted`` members.

    The text is kept: numbers like ``1e400`` and repeated names stay as they are. Only a member that has the name of
    an inserted one is taken out (then the last of any repeated names stays), so that every reader sees the inserted.

    :param value: the record's value; None for a tombstone.
    :param inserted: JSON text by member name.
    :raises NotAnObjectError: when ``value`` is not a JSON object in UTF-8.
    """
    members = _parse(value)
    assert value is not None  # nosec B101 # noqa: S101 - _parse refused it
    if not members.keys().isdisjoint(inserted):
        members = {name: text for name, text in members.items() if name not in inserted}
        value = msgspec.json.encode(members)
    text = value.strip(b" \t\r\n").translate(_LINE_BREAKS)
    if not inserted:
        return text + b"\n"
    addition = ",".join(f'"{name}":{text}' for name, text in inserted.items()).encode("utf-8")
    return b"%b%b%b}\n" % (text[:-1], b"," if members else b"", addition)


def _parse(value: bytes | None) -> dict[str, msgspec.Raw]:
    if value is None:
        raise NotAnObjectError("the value is null (a tombstone)")
    try:
        value.decode("utf-8")  # the parser takes the bytes of members unseen
        members = _members.decode(value)
    except UnicodeDecodeError as error:
        raise NotAnObjectError(f"the value is not UTF-8: byte 0x{value[error.start]:02x} at {error.start}") from None
    except msgspec.ValidationError:
        raise NotAnObjectError("the value is JSON but not an object") from None
    except msgspec.DecodeError as error:
        raise NotAnObjectError(f"the value is not JSON: {fault_of(value, error)}") from None
    except RecursionError:
        raise NotAnObjectError("the value is JSON nested too deeply") from None
    beyond = beyond_limits(value)
    if beyond is not None:
        raise NotAnObjectError(f"the value is JSON that Kafka Connect does not read: {beyond}")
    return members
