"""Reads a v2 produce request: from the body's bytes to keys and values as Kafka stores them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from local.kafka_rest.errors import malformed

MEDIA_TYPE = "application/vnd.kafka.json.v2+json"
_NULL = b"null"


@dataclass(frozen=True, slots=True)
class ProduceRecord:
    """One record to produce.

    :param key: the text of a JSON string, the compact JSON of anything else, None for null or no key.
    :param value: the compact JSON of the value, its numbers and escapes as the client wrote them.
    :param partition: the partition asked for; None lets the key decide.
    """

    key: bytes | None
    value: bytes
    partition: int | None


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    value: msgspec.Raw
    key: msgspec.Raw = msgspec.Raw(_NULL)
    partition: int | None = None


class _Request(msgspec.Struct):
    records: list[_Record]


_decoder = msgspec.json.Decoder(_Request)
_text_decoder = msgspec.json.Decoder(str)


def read_records(body: bytes) -> list[ProduceRecord]:
    """Return the records of a request body.

    Values are never parsed into Python's numbers and written again: ``1e400`` and ``1.10`` stay what they are.

    :raises Refusal: 422 when the body is not UTF-8, not JSON, or not a produce request.
    """
    try:
        body.decode("utf-8")  # the parser takes the bytes of embedded values unseen
        request = _decoder.decode(msgspec.json.format(body, indent=-1))
    except UnicodeDecodeError as error:
        raise malformed(f"not UTF-8 at byte {error.start}") from None
    except msgspec.MsgspecError as error:
        raise malformed(str(error)) from None
    except RecursionError:
        raise malformed("JSON nested too deeply") from None
    if not request.records:
        raise malformed("`records` is empty")
    return [ProduceRecord(_key(record.key), bytes(record.value), _partition(record)) for record in request.records]


def _key(raw: msgspec.Raw) -> bytes | None:
    text = bytes(raw)
    if text == _NULL:
        return None
    return _text_decoder.decode(text).encode("utf-8") if text.startswith(b'"') else text


def _partition(record: _Record) -> int | None:
    if record.partition is not None and not 0 <= record.partition < 2**31:
        raise malformed(f"partition {record.partition} of a record is not a partition number")
    return record.partition
