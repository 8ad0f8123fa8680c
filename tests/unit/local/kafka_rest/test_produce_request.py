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
        ("[]", b"[]"),
    ],
)
def test_a_value_loses_its_blanks_and_nothing_else(value, stored):
    assert record(f'{{"value": {value}}}').value == stored


def test_a_null_value_is_a_tombstone_as_in_confluents_proxy():
    assert record('{"key": "1", "value": null}').value is None


def test_a_log_timestamp_may_be_asked_for():
    assert record('{"value": 1, "timestamp": 1700000000000}').timestamp == 1700000000000
    assert record('{"value": 1}').timestamp is None


def test_a_record_that_is_too_large_is_left_to_be_refused_alone():
    deep = b"[" * 1_100_000 + b"]" * 1_100_000
    with pytest.raises(Refusal, match="nested too deeply"):  # for the parser
        read_records(b'{"records":[{"value":%b}]}' % deep)
    wide = b'{"n":[' + b"9" * 2000 + b"," + b"1," * 1_000_000 + b"1]}"
    first, second = read_records(b'{"records":[{"value":%b},{"value":2}]}' % wide)
    assert (first.size, second.value) == (len(wide), b"2")


def test_a_value_may_be_as_deep_as_kafka_connect_and_spark_read():
    value = b"[" * 997 + b"]" * 997
    assert read_records(b'{"records":[{"value":%b}]}' % value)[0].value == value


def test_members_that_the_protocol_knows_for_other_formats_pass():
    assert read_records(b'{"key_schema_id": 1, "value_schema": "x", "records": [{"value": 1}]}')


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
        (b'{"records": [{"value": 1}], "colour": 2}', "unknown field `colour`"),
        (b'{"records": [{"value": 1, "partition": -1}]}', r"partition -1 .*\$.records\[0\]"),
        (b'{"records": [{"value": 1, "timestamp": 0}]}', r"timestamp 0 .*\$.records\[0\]"),
        (b'{"records": [{"value": 1, "timestamp": -1}]}', r"timestamp -1 .*\$.records\[0\]"),
        (b'{"records": [{"value": 1, "timestamp": "2026-01-01"}]}', "timestamp"),
        (b'{"records": [{"value": {"n": ' + b"9" * 1001 + b"}}]}", r"1001 digits.*\$.records\[0\].value"),
        (b'{"records": [{"key": ' + b"9" * 5000 + b', "value": 1}]}', r"5000 digits.*\$.records\[0\].key"),
        (b'{"records": [{"value": {"' + b"n" * 50001 + b'": 1}}]}', "a name is 50001 bytes long"),
        (b'\xef\xbb\xbf{"records": [{"value": 1}]}', r"malformed: invalid character \(byte 0\)"),
        ('{"records": [{"value": 1}]}'.encode("utf-16-le"), "malformed"),
        (b'{"records": [{"value": "\\ud800"}]}', "half of a surrogate pair"),
        (b'{"records": [{"value": "x\\udc00y"}]}', "half of a surrogate pair"),
        (
            b'{"records": [{"value": 1}, {"value": ' + b"[" * 998 + b"]" * 998 + b"}]}",
            r"more than 997 levels.*\$.records\[1\]",
        ),
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
