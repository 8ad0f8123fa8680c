"""Reads a v2 produce request: from the body's bytes to keys and values as Kafka stores them."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from local.json_text import DEEPEST_NESTING, beyond_limits, fault_of
from local.kafka_rest.errors import malformed

MEDIA_TYPE = "application/vnd.kafka.json.v2+json"
_NULL = b"null"
_AROUND_A_VALUE = 3  # the request, its list, the record
# The broker takes 2 MiB; what is left is room for the headers that the sink gives a dead letter.
MAX_RECORD_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class ProduceRecord:
    """One record to produce.

    :param key: the text of a JSON string, the compact JSON of anything else, None for null or no key.
    :param value: the compact JSON of the value, its numbers and escapes as the client wrote them; None for null, which
        is a tombstone, as in Confluent's proxy.
    :param partition: the partition asked for; None lets the key decide.
    :param timestamp: the log timestamp asked for, ms since 1970-01-01 UTC; None for the moment of sending. Confluent's
        v2 has no such field and refuses the request with 422; its v3 has.
    """

    key: bytes | None
    value: bytes | None
    partition: int | None = None
    timestamp: int | None = None

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")


class _Record(msgspec.Struct, forbid_unknown_fields=True):
    value: msgspec.Raw
    key: msgspec.Raw = msgspec.Raw(_NULL)
    partition: int | None = None
    timestamp: int | None = None


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    records: list[_Record]
    # Known to the protocol, without meaning for JSON values.
    key_schema: str | None = None
    key_schema_id: int | None = None
    value_schema: str | None = None
    value_schema_id: int | None = None


_decoder = msgspec.json.Decoder(_Request)
_text_decoder = msgspec.json.Decoder(str)


def read_records(body: bytes) -> list[ProduceRecord]:
    """Return the records of a request body.

    Values are never parsed into Python's numbers and written again: ``1e400`` and ``1.10`` stay what they are.

    :raises Refusal: 422 when the body is not UTF-8, not JSON, beyond Jackson's limits, or not a produce request.
    """
    try:
        body.decode("utf-8")  # the parser takes the bytes of embedded values unseen
        request = _decoder.decode(msgspec.json.format(body, indent=-1))
    except UnicodeDecodeError as error:
        raise malformed(f"not UTF-8 at byte {error.start}") from None
    except msgspec.ValidationError as error:
        raise malformed(str(error)) from None
    except msgspec.DecodeError as error:
        raise malformed(fault_of(body, error)) from None
    except RecursionError:
        raise malformed("JSON nested too deeply") from None
    if not request.records:
        raise malformed("`records` is empty")
    return [_produce_record(number, record) for number, record in enumerate(request.records)]


def _produce_record(number: int, record: _Record) -> ProduceRecord:
    value = bytes(record.value)
    for name, text in (("key", bytes(record.key)), ("value", value)):
        # What is too large is refused as a record: nobody parses it.
        beyond = beyond_limits(text, DEEPEST_NESTING - _AROUND_A_VALUE) if len(text) <= MAX_RECORD_BYTES else None
        if beyond is not None:
            raise malformed(f"{beyond} - at `$.records[{number}].{name}`")
    if record.partition is not None and not 0 <= record.partition < 2**31:
        raise malformed(f"partition {record.partition} is not a partition number - at `$.records[{number}].partition`")
    # 0 would mean "now" to the producer.
    if record.timestamp is not None and record.timestamp <= 0:
        raise malformed(
            f"timestamp {record.timestamp} is no moment in ms since 1970 UTC - at `$.records[{number}].timestamp`"
        )
    return ProduceRecord(_key(record.key), None if value == _NULL else value, record.partition, record.timestamp)


def _key(raw: msgspec.Raw) -> bytes | None:
    text = bytes(raw)
    if text == _NULL:
        return None
    return _text_decoder.decode(text).encode("utf-8") if text.startswith(b'"') else text
