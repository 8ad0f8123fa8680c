import msgspec
import pytest

from local.json_text import beyond_limits, fault_of


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        (b"[[[]]]", False),
        (b"[[[[]]]]", True),
        (b'{"a":[{"b":1}]}', False),
        (b'{"a":[{"b":{}}]}', True),
        (b"[[],[],[],[],[[]]]", False),
        (b'["[[[[[[", "\\"[[[[", "\\\\", [[]]]', False),
        (b'["\\\\", [[[]]]]', True),
        (b"17", False),
    ],
)
def test_levels_are_counted_and_brackets_within_texts_are_none(text, deep):
    assert beyond_limits(text, 3) == ("nested too deeply: more than 3 levels" if deep else None)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        (b"9" * 1000, None),
        (b"-" + b"9" * 1000, None),
        (b"[0." + b"3" * 999 + b"]", None),
        (b"[-0." + b"3" * 997 + b"e-19]", None),
        (b"9" * 1001, 1001),
        (b'["", -' + b"9" * 1500 + b"]", 1500),
        (b"[0." + b"3" * 999 + b"E+9, 1]", 1001),
        (b'{"a":1,"b":0.' + b"3" * 1000 + b"}", 1001),
        (b'["' + b"9" * 5000 + b'", 1]', None),
        (b'["\\"' + b"9" * 5000 + b'"]', None),
        (b'["\\\\",' + b"9" * 1001 + b',"]"]', 1001),
        (b"[" + b"1," * 5000 + b"1]", None),
    ],
)
def test_digits_of_long_numbers_are_counted_and_those_within_texts_are_not(text, digits):
    told = beyond_limits(text)
    assert told == (None if digits is None else f"a number has {digits} digits: more than 1000")


@pytest.mark.parametrize(
    ("name", "length"),
    [
        (b"x" * 50_000, None),
        (b"x" * 50_001, 50_001),
        ("é".encode() * 25_001, 50_002),
        (b"\\n" * 30_000, None),
        (b'\\"' * 50_001, 50_001),
        (b"\\u00e9" * 25_001, 50_002),
    ],
    ids=["at the limit", "beyond", "bytes count", "escapes are one", "escaped quotes", "escaped characters"],
)
def test_long_names_are_found_and_long_texts_are_none(name, length):
    told = beyond_limits(b'{"a":"' + b"y" * 60_000 + b'","' + name + b'" : {"b":["x",":"]}}')
    assert told == (None if length is None else f"a name is {length} bytes long: more than 50000")


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"[]," * 600_000 + b"1]",
        b"[" + b'"[",' * 450_000 + b"1]",
        b"[" * 900 + b'["\\\\\\""],' * 200_000 + b"1" + b"]" * 900,
        b'["' + b"9" * 2000 + b'",' + b"1," * 900_000 + b"1]",
        b'["' + b"x" * 60_000 + b'",' + b'"",' * 600_000 + b"1]",
        b'{"' + b"x" * 40_000 + b'":1}' + b" " * 1_700_000,
    ],
    ids=["arrays", "brackets in texts", "escapes", "numbers", "texts", "blanks"],
)
def test_the_largest_records_are_within_the_limits(text):
    assert beyond_limits(text) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'["a", "x\\udc00y"]', "half of a surrogate pair"),
        (b'{"a":', "truncated"),
        (b"[NaN]", "invalid character"),
        (b'"\\ud800', "truncated"),
        (b'{"a":"\\ud800","n":' + b"9" * 5000 + b"}", "half of a surrogate pair"),
        (b'\xef\xbb\xbf{"a":1}', r"invalid character (byte 0)"),
        ('{"a":1}'.encode("utf-16"), "malformed"),
        ('{"a":1}'.encode("utf-16-le"), "malformed"),
        ('{"a":1}'.encode("utf-32-be"), "malformed"),
    ],
)
def test_a_fault_is_told_by_its_name(text, fault):
    with pytest.raises(msgspec.DecodeError) as reported:
        msgspec.json.decode(text)
    assert fault in fault_of(text, reported.value)
