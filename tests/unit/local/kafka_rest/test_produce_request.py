import pytest

from local.kafka_rest.errors import Refusal
from local.kafka_rest.produce_request import ProduceRecord, read_records


def record(text: str) -> ProduceRecord:
    return read_records(f'{{"records": [{text}]}}'.encode())[0]


def test_a_text_key_is_its_text():
    assert record('{"key": "1 \\u00e9 \\"", "value": 1}').key == '1 é "'.encode()


@pytest.mark.parametrize(("key", "stored"), [('{"a": [1, 2]}', b'{"a":[1,2]}'), ("17", b"17"), ("true", b"true")])
def test_any_other_key_is_its_compact_json(key, stored):
    assert record(f'{{"key": {key}, "value": 1}}').key == stored


@pytest.mark.parametrize("text", ['{"key": null, "value": 1}', '{"value": 1}'])
def test_no_key_is_no_key(text):
    assert record(text).key is None


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ('{ "a" : 1.10 ,\n "b" : [ 1e400, -0 ] }', b'{"a":1.10,"b":[1e400,-0]}'),
        ("123456789012345678901234567890", b"123456789012345678901234567890"),
        ('"a \\/ \\u00e9 b"', b'"a \\/ \\u00e9 b"'),
        ('{"a": 1, "a": 2}', b'{"a":1,"a":2}'),
        ("null", b"null"),
        ("[]", b"[]"),
    ],
)
def test_a_value_loses_its_blanks_and_nothing_else(value, stored):
    assert record(f'{{"value": {value}}}').value == stored


def test_a_partition_may_be_asked_for():
    assert record('{"value": 1, "partition": 2}').partition == 2
    assert record('{"value": 1}').partition is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "truncated"),
        (b"[1]", "Expected `object`"),
        (b"{}", "missing required field `records`"),
        (b'{"records": []}', "empty"),
        (b'{"records": [1]}', r"\$.records\[0\]"),
        (b'{"records": [{"key": "1"}]}', "missing required field `value`"),
        (b'{"records": [{"value": 1, "colour": 2}]}', "unknown field `colour`"),
        (b'{"records": [{"value": 1, "partition": -1}]}', "partition -1"),
        (b'{"records": [{"value": 1, "partition": "a"}]}', "partition"),
        (b'{"records": [{"value": NaN}]}', "malformed"),
        (b'{"records": [{"value": "\xff"}]}', "not UTF-8 at byte 24"),
        (b'{"records": [{"value": ' + b"[" * 5000 + b"]" * 5000 + b"}]}", "nested too deeply"),
    ],
)
def test_a_malformed_request_is_refused_with_its_reason(body, reason):
    with pytest.raises(Refusal, match=reason) as refusal:
        read_records(body)
    assert (refusal.value.status, refusal.value.error_code) == (422, 42201)
