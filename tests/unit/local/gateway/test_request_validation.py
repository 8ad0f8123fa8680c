from __future__ import annotations

import pytest

from local.gateway.request_validation import RequestValidator, compile_model
from local.gateway.responses import GatewayError

NUMBER = compile_model('{"$schema": "http://json-schema.org/draft-04/schema#", "type": "number"}')


def refused(validator: RequestValidator, content_type: str, body: bytes) -> bool:
    try:
        validator.check_body(content_type, body)
    except GatewayError as error:
        assert (error.status, error.message) == (400, "Invalid request body")
        return True
    return False


def test_the_model_of_the_content_type_decides() -> None:
    validator = RequestValidator({"application/json": NUMBER})

    assert not refused(validator, "application/json", b"1")
    assert refused(validator, "Application/JSON; charset=utf-8", b'"text"')
    assert refused(validator, "", b"{")


@pytest.mark.parametrize("value", ["1e400", "-1e400", "123456789012345678901234567890", '"\\ud800"', '"a\\udc00b"'])
def test_json_that_no_double_or_text_can_hold_is_no_fault_of_a_body(value: str) -> None:
    anything = RequestValidator({"application/json": compile_model('{"type": "array"}')})

    assert not refused(anything, "application/json", f"[{value}]".encode())


@pytest.mark.parametrize("body", [b"[NaN]", b"[-Infinity]", b"[1e400", b"\xff", b"[" * 5000, "[1]".encode("utf-16")])
def test_what_is_no_json_in_utf_8_is_refused(body: bytes) -> None:
    anything = RequestValidator({"application/json": compile_model('{"type": "array"}')})

    assert refused(anything, "application/json", body)


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
