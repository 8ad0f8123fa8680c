import json

import pytest

from local.connect.object_line import InsertedFields, NotAnObjectError, object_line

INSERTED = InsertedFields("_topic", "_partition", "_offset", "_timestamp").members("t", 2, 17, 1700000000000)
TAIL = b'"_topic":"t","_partition":2,"_offset":17,"_timestamp":1700000000000}\n'


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (b'{"a":1}', b'{"a":1,' + TAIL),
        (b"{}", b"{" + TAIL),
        (b" { } \r\n", b"{ " + TAIL),
        (b'{"n":1e400,"m":1.10,"i":123456789012345678901234567890}',
         b'{"n":1e400,"m":1.10,"i":123456789012345678901234567890,' + TAIL),
        (b'{"a":1,"a":2}', b'{"a":1,"a":2,' + TAIL),
        ('{"t":"é\\u00e9\\/\u2028"}'.encode(), '{"t":"é\\u00e9\\/\u2028",'.encode() + TAIL),
        (b'{"t":"a\\nb"}', b'{"t":"a\\nb",' + TAIL),
        (b'{"t":"\\u0000"}', b'{"t":"\\u0000",' + TAIL),
        (b'{"n":' + b"9" * 1000 + b"}", b'{"n":' + b"9" * 1000 + b"," + TAIL),
        (b'{"a":' + b"[" * 999 + b"]" * 999 + b"}", b'{"a":' + b"[" * 999 + b"]" * 999 + b"," + TAIL),
    ],
)  # fmt: skip
def test_an_object_keeps_its_text_and_ends_with_its_address(value, line):
    assert object_line(value, INSERTED) == line


def test_a_pretty_printed_object_becomes_one_line():
    line = object_line(b'{\r\n  "a": 1,\n  "b": [\n    2\n  ]\n}\n', INSERTED)
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert json.loads(line)["b"] == [2]


@pytest.mark.parametrize("name", ["_offset", "\\u005foffset"])
def test_a_member_named_like_an_inserted_one_is_replaced_and_not_repeated(name):
    line = object_line(b'{"%b": "mine", "n": 1.10}' % name.encode(), INSERTED)
    assert line == b'{"n":1.10,' + TAIL


def test_without_a_transform_only_the_line_feed_is_added():
    assert object_line(b' {"a": 1}', {}) == b'{"a": 1}\n'


def test_only_named_fields_are_inserted_and_texts_are_quoted():
    assert InsertedFields(topic="t").members('a"b', 0, 1, 2) == {"t": '"a\\"b"'}
    assert InsertedFields().members("t", 0, 1, 2) == {}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "tombstone"),
        (b"", "not JSON"),
        (b"17", "not an object"),
        (b"[1]", "not an object"),
        (b"null", "not an object"),
        (b'"{}"', "not an object"),
        (b'{"a":1', "not JSON"),
        (b'{"a":1}{"b":2}', "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b'{"a":"line\nfeed"}', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":{"b":"\xff"}}', "not UTF-8: byte 0xff at 11"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
        (b'{"a":' + b"[" * 1000 + b"]" * 1000 + b"}", "nested too deeply: more than 1000 levels"),
        (b'{"n":-' + b"9" * 1001 + b"}", "a number has 1001 digits"),
        (b'{"a":"\\ud800"}', "half of a surrogate pair"),
        (b'{"a":"\x00"}', "not JSON"),
        (b'\xef\xbb\xbf{"a":1}', r"not JSON: .*invalid character \(byte 0\)"),
        ('{"a":1}'.encode("utf-16-le"), "not JSON: JSON is malformed"),
        (b'{"' + b"n" * 50_001 + b'":1}', "a name is 50001 bytes long"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8: byte 0xff at 0"),
        (b"\x1f\x8b\x08\x00", "not UTF-8: byte 0x8b at 1"),
    ],
)
def test_what_is_no_json_object_is_refused_with_its_reason(value, reason):
    with pytest.raises(NotAnObjectError, match=reason):
        object_line(value, INSERTED)
