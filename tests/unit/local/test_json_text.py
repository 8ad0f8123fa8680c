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
    ("text", "length"),
    [
        (b"9" * 1000, None),
        (b"9" * 1001, 1001),
        (b'["", -' + b"9" * 1500 + b"]", 1500),
        (b"[0." + b"3" * 998 + b"e9]", 1002),
        (b'["' + b"9" * 5000 + b'", 1]', None),
        (b'["\\"' + b"9" * 5000 + b'"]', None),
        (b"[" + b"1," * 5000 + b"1]", None),
    ],
)
def test_long_numbers_are_found_and_digits_within_texts_are_none(text, length):
    told = beyond_limits(text)
    assert told == (None if length is None else f"a number is {length} characters long: more than 1000")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'"\\ud800"', "half of a surrogate pair"),
        (b'["a", "x\\udc00y"]', "half of a surrogate pair"),
        (b'{"a":', "truncated"),
        (b"[NaN]", "invalid character"),
        (b'"\\ud800', "truncated"),
    ],
)
def test_a_fault_is_told_by_its_name(text, fault):
    with pytest.raises(msgspec.DecodeError) as reported:
        msgspec.json.decode(text)
    assert fault in fault_of(text, reported.value)
