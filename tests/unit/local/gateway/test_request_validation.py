from __future__ import annotations

import pytest

from local.gateway.request_validation import RequestValidator, compile_model
from local.gateway.responses import GatewayError

NUMBER = compile_model('{"$schema": "http://json-schema.org/draft-04/schema#", "type": "number"}')


def refused(validator: RequestValidator, content_type: str, body: bytes) -> str:
    """Return why the body is refused, nothing when it is not."""
    try:
        validator.check_body(content_type, body)
    except GatewayError as error:
        assert (error.status, error.message, error.response_type) == (400, "Invalid request body", "BAD_REQUEST_BODY")
        return error.reason
    return ""


def test_the_model_of_the_content_type_decides() -> None:
    validator = RequestValidator({"application/json": NUMBER})

    assert not refused(validator, "application/json", b"1")
    assert refused(validator, "Application/JSON; charset=utf-8", b'"text"')
    assert refused(validator, "", b"{")


@pytest.mark.parametrize("value", ["1e400", "-1e400", "123456789012345678901234567890", '"\\ud800"', '"a\\udc00b"'])
def test_json_that_no_double_or_text_can_hold_is_no_fault_of_a_body(value: str) -> None:
    anything = RequestValidator({"application/json": compile_model('{"type": "array"}')})

    assert not refused(anything, "application/json", f"[{value}]".encode())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[NaN]", "not JSON: NaN is no JSON"),
        (b"[-Infinity]", "not JSON: -Infinity is no JSON"),
        (b"[1e400", "not JSON: "),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"[" * 200_000 + b"]" * 200_000, "JSON nested too deeply"),
        ("[1]".encode("utf-16"), "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf[1]", "not JSON: "),
        (b"[" + b"9" * 5000 + b"]", "not JSON: a number has 5000 digits"),
    ],
    ids=["NaN", "Infinity", "cut", "no UTF-8", "deep", "UTF-16", "BOM", "number of 5000 digits"],
)
def test_what_is_no_json_in_utf_8_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    anything = RequestValidator({"application/json": compile_model('{"type": "array"}')})

    assert refused(anything, "application/json", body).startswith(reason)


def test_what_is_not_as_the_model_says_is_told_with_its_place() -> None:
    pairs = compile_model('{"type": "array", "maxItems": 2, "items": {"type": "object", "required": ["key"]}}')
    validator = RequestValidator({"application/json": pairs})

    assert refused(validator, "application/json", b'[{"key": 1}, {}]') == "$[1] must contain ['key'] properties"
    assert refused(validator, "application/json", b"[1, 2, 3]") == "$ must contain less than or equal to 2 items"


def test_a_content_type_without_a_model_passes() -> None:
    assert not refused(RequestValidator({"application/json": NUMBER}), "text/plain", b"anything")


def test_the_default_model_is_for_all_other_content_types() -> None:
    assert refused(RequestValidator({"$default": NUMBER}), "text/plain", b"anything")


def test_missing_parameters_are_named() -> None:
    validator = RequestValidator({}, ("querystring.page", "header.x-day"))

    validator.check_parameters({"querystring.page", "header.x-day"})
    with pytest.raises(GatewayError, match=r"Missing required request parameters: \[x-day\]"):
        validator.check_parameters({"querystring.page"})


def test_a_model_that_is_no_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="no JSON schema"):
        compile_model('{"type": "no such type"}')
