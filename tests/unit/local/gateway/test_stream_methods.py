"""The stream methods of the project's document: what reaches Kinesis, and what its answers become."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from include.rendering import render_yaml
from include.settings import Settings
from local.gateway.integrations import Call, integration_of
from local.gateway.openapi import ImportedMethod, parse
from local.gateway.request_validation import RequestValidator, compile_model
from local.gateway.responses import GatewayError

ROLE = "arn:aws:iam::123456789012:role/api"
DOCUMENT = parse(json.dumps(render_yaml("api", "openapi.yaml", values=Settings(api_kinesis_role=ROLE).marks)).encode())
METHODS = {(m.http_method, m.path): m for m in DOCUMENT.methods if m.path.startswith("/streams")}
RECORD, RECORDS = ("PUT", "/streams/{stream-name}/record"), ("PUT", "/streams/{stream-name}/records")
STREAM = "/streams/{stream-name}"

# Everything that JSON can hold, and what templates, JavaScript and Java take for their own.
POST = {
    "index": 17,
    "title": 'say "hi"\n\t\\ \\n \\u0041 / </script>',
    "description": "Crème… \u00a0\u2028\u2029 😀👩\u200d👩\u200d👧 $input.body #set($x = 1) ${x}",
    "poster_name": "it's",
    "tag-list": ["a", None, True, False, {"nested-key": {"deep": [[], {}]}}],
    "follower_count": None,
    "big": 123456789012345678901234567890,
    "small": 1.5e-7,
    "": "",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": "http://kinesis.test",
    }.items():
        monkeypatch.setenv(name, value)


class Kinesis:
    """Answers as told and remembers what it was asked."""

    def __init__(self, status: int = 200, answer: Any = None) -> None:
        self.status = status
        self.answer = answer if isinstance(answer, bytes) else json.dumps(answer or {}).encode()
        self.actions: list[str] = []
        self.bodies: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["content-type"] == "application/x-amz-json-1.1"
        assert "Credential=test/" in request.headers["authorization"]
        assert "/us-east-1/kinesis/aws4_request" in request.headers["authorization"]
        self.actions.append(request.headers["x-amz-target"])
        self.bodies.append(json.loads(request.content))
        return httpx.Response(self.status, content=self.answer)

    def asked(self, method: tuple[str, str], body: Any = None, stream: str = "pinpipe-pin") -> Response:
        """Have a request executed as the gateway does, its body checked by its model."""
        declared = METHODS[method]
        text = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        validate(declared, text)

        async def run() -> Response:
            async with httpx.AsyncClient(transport=httpx.MockTransport(self)) as client:
                integration = {**declared.integration, "integrationResponses": declared.integration_responses}
                call = Call(
                    api_id="abc",
                    http_method=method[0],
                    path_parameters={"stream-name": stream},
                    query=b"",
                    headers=[(b"content-type", b"application/json; charset=utf-8")],
                    body=text,
                    source_ip="127.0.0.1",
                )
                return await integration_of(integration, client).execute(call)

        return asyncio.run(run())


def validate(declared: ImportedMethod, body: bytes) -> None:
    models = declared.settings["requestModels"].items()
    schemas = {kind: compile_model(json.dumps(DOCUMENT.models[name])) for kind, name in models}
    RequestValidator(schemas).check_body("application/json", body)


def decoded(data: str) -> Any:
    return json.loads(base64.b64decode(data))


def forms(value: Any) -> list[Any]:
    """Return every form in which a client may send ``value``."""
    return [value, json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(value, indent=2)]


def test_each_method_calls_its_action_with_the_role_of_the_settings() -> None:
    actions = {key: m.integration["uri"].rpartition("/")[2] for key, m in METHODS.items()}

    assert actions == {
        ("GET", "/streams"): "ListStreams",
        ("GET", STREAM): "DescribeStream",
        ("POST", STREAM): "CreateStream",
        ("DELETE", STREAM): "DeleteStream",
        RECORD: "PutRecord",
        RECORDS: "PutRecords",
    }
    for method in METHODS.values():
        assert method.integration["credentials"] == ROLE
        assert method.integration["passthroughBehavior"] == "NEVER"
        assert method.settings["apiKeyRequired"] is True


@pytest.mark.parametrize("value", [POST, [1, {"a": []}], 17, True, False, {}, []], ids=lambda v: str(v)[:20])
def test_a_record_is_the_same_json_as_object_and_as_text(value: Any) -> None:
    kinesis = Kinesis()
    for form in forms(value):
        kinesis.asked(RECORD, {"StreamName": "elsewhere", "Data": form, "PartitionKey": "pin-17"})
    kinesis.asked(RECORDS, {"records": [{"data": form, "partition-key": "pin-17"} for form in forms(value)]})

    *singles, batch = kinesis.bodies
    assert {body["StreamName"] for body in kinesis.bodies} == {"pinpipe-pin"}
    for record in (*singles, *batch["Records"]):
        assert (decoded(record["Data"]), record["PartitionKey"]) == (value, "pin-17")
    assert set(kinesis.actions) == {"Kinesis_20131202.PutRecord", "Kinesis_20131202.PutRecords"}


@pytest.mark.parametrize("text", ["a text", "", '"', '"quoted"', "{", "null", "a\u2028b😀"])
def test_a_text_is_stored_as_it_is_whether_it_is_json_or_not(text: str) -> None:
    kinesis = Kinesis()
    kinesis.asked(RECORD, {"Data": text, "PartitionKey": "a"})
    kinesis.asked(RECORDS, {"records": [{"data": text, "partition-key": "a"}]})

    sent = [kinesis.bodies[0]["Data"], kinesis.bodies[1]["Records"][0]["Data"]]
    assert [base64.b64decode(data).decode() for data in sent] == [text, text]


@pytest.mark.parametrize(
    "number", ["1.10", "1E400", "12345678901234567890123", "-0.0", "0.1000000000000000055511151231"]
)
def test_a_number_reaches_kinesis_as_it_was_sent(number: str) -> None:
    kinesis = Kinesis()
    kinesis.asked(RECORD, b'{"Data": {"n": %b}, "PartitionKey": "a"}' % number.encode())
    kinesis.asked(RECORDS, b'{"records": [{"data": {"n": %b}, "partition-key": "a"}]}' % number.encode())

    sent = [kinesis.bodies[0]["Data"], kinesis.bodies[1]["Records"][0]["Data"]]
    assert [base64.b64decode(data) for data in sent] == [b'{"n": %b}' % number.encode()] * 2


@pytest.mark.parametrize(
    "key",
    [
        '", "StreamName": "other',
        '"}, {"Data": "',
        "\\",
        '\\", "StreamName": "other',
        "$input.body",
        "#foreach($x in [1..1000])x#end",
        "é😀\u2028",
        "a\nb",
        "'",
        "x" * 256,
    ],
)
def test_a_partition_key_stays_a_partition_key(key: str) -> None:
    kinesis = Kinesis()
    kinesis.asked(RECORD, {"Data": {"a": 1}, "PartitionKey": key})
    kinesis.asked(RECORDS, {"records": [{"data": {"a": 1}, "partition-key": key}]})

    data = base64.b64encode(b'{"a": 1}').decode()
    assert kinesis.bodies == [
        {"StreamName": "pinpipe-pin", "Data": data, "PartitionKey": key},
        {"StreamName": "pinpipe-pin", "Records": [{"Data": data, "PartitionKey": key}]},
    ]


@pytest.mark.parametrize(
    "name",
    ["", "a b", "../other", 'a", "StreamName": "other', "a\\", "ä", "😀", "a\n", "x" * 129, "$input.body", "%2e%2e"],
)
@pytest.mark.parametrize("method", [("GET", STREAM), ("POST", STREAM), ("DELETE", STREAM), RECORD, RECORDS], ids=str)
def test_what_is_no_name_of_a_stream_is_refused(method: tuple[str, str], name: str) -> None:
    kinesis = Kinesis()
    bodies = {
        ("POST", STREAM): {"ShardCount": 1},
        RECORD: {"Data": {}, "PartitionKey": "a"},
        RECORDS: {"records": [{"data": {}, "partition-key": "a"}]},
    }
    answer = kinesis.asked(method, bodies.get(method), stream=name)

    told = json.loads(answer.body)
    assert (answer.status_code, told["type"]) == (400, "ValidationException")
    assert f"Value '{name}' at 'streamName'" in told["message"]
    assert kinesis.bodies == []


def test_a_stream_is_listed_made_described_and_deleted_by_its_path() -> None:
    kinesis = Kinesis(answer={"StreamNames": []})
    kinesis.asked(("GET", "/streams"))
    kinesis.asked(("POST", STREAM), {"ShardCount": 2, "StreamName": "other"})
    kinesis.asked(("GET", STREAM))
    answer = kinesis.asked(("DELETE", STREAM))

    named = {"StreamName": "pinpipe-pin"}
    assert kinesis.bodies == [{}, {**named, "ShardCount": 2}, named, named]
    assert (answer.status_code, json.loads(answer.body)) == (200, {"StreamNames": []})


@pytest.mark.parametrize(
    ("method", "body", "reason"),
    [
        (RECORD, b"{", "not JSON"),
        (RECORD, {"Data": {}}, "must contain ['PartitionKey'] properties"),
        (RECORD, {"PartitionKey": "a"}, "must contain ['Data'] properties"),
        (RECORD, {"Data": None, "PartitionKey": "a"}, "$.Data must not be null"),
        (RECORD, {"Data": {}, "PartitionKey": 17}, "$.PartitionKey must be string"),
        (RECORD, {"Data": {}, "PartitionKey": ""}, "$.PartitionKey must be longer than or equal to 1"),
        (RECORD, {"Data": {}, "PartitionKey": "x" * 257}, "$.PartitionKey must be shorter than or equal to 256"),
        (RECORDS, {"records": []}, "$.records must contain at least 1 items"),
        (RECORDS, {"records": [{"data": {}, "partition-key": "a"}] * 501}, "less than or equal to 500 items"),
        (RECORDS, {"records": [{"data": {}}]}, "must contain ['partition-key'] properties"),
        (RECORDS, {"records": [{"data": None, "partition-key": "a"}]}, "$.records[0].data must not be null"),
        (("POST", STREAM), {}, "must contain ['ShardCount'] properties"),
        (("POST", STREAM), {"ShardCount": 0}, "$.ShardCount must be bigger than or equal to 1"),
        (("POST", STREAM), {"ShardCount": '1, "StreamName": "other"'}, "$.ShardCount must be integer"),
    ],
    ids=str,
)
def test_a_body_that_is_none_is_refused_with_the_reason(method: tuple[str, str], body: Any, reason: str) -> None:
    kinesis = Kinesis()
    with pytest.raises(GatewayError) as error:
        kinesis.asked(method, body)
    assert (error.value.status, kinesis.bodies) == (400, [])
    assert reason in error.value.reason


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("ResourceNotFoundException", 404),
        ("com.amazonaws.kinesis.v20131202#ResourceNotFoundException", 404),
        ("ResourceInUseException", 409),
        ("ProvisionedThroughputExceededException", 429),
        ("LimitExceededException", 429),
        ("KMSThrottlingException", 429),
        ("ValidationException", 400),
        ("InvalidArgumentException", 400),
        ("SerializationException", 400),
    ],
)
def test_a_refusal_of_the_request_has_a_status_of_its_own(error: str, status: int) -> None:
    answer = Kinesis(400, {"__type": error, "message": 'because of "x"\n'}).asked(("GET", STREAM))

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == {"type": error, "message": 'because of "x"\n'}


@pytest.mark.parametrize(
    "answer",
    [
        {"__type": "AccessDeniedException", "Message": f"User: {ROLE} is not authorized"},
        {"__type": "KMSAccessDeniedException", "message": "account 123456789012"},
        {"__type": "UnrecognizedClientException", "message": "key 123456789012"},
        {"__type": "InvalidAction", "message": "unknown"},
        {},
    ],
    ids=lambda answer: answer.get("__type", "nothing"),
)
def test_a_refusal_of_the_api_itself_is_not_the_callers_fault_and_names_no_account(answer: dict[str, str]) -> None:
    response = Kinesis(400, answer).asked(("GET", STREAM))

    assert response.status_code == 502
    assert json.loads(response.body)["message"].startswith("Kinesis refuses the API itself")
    assert b"123456789012" not in response.body


def test_a_failure_of_kinesis_is_502_and_a_refusal_without_a_message_has_an_empty_one() -> None:
    failed = Kinesis(500, {"__type": "InternalFailure", "message": "secret"}).asked(("GET", STREAM))
    silent = Kinesis(400, {"__type": "SerializationException"}).asked(("GET", STREAM))

    assert (failed.status_code, json.loads(failed.body)) == (
        502,
        {"type": "InternalFailure", "message": "Kinesis failed: try again later"},
    )
    assert (silent.status_code, json.loads(silent.body)) == (400, {"type": "SerializationException", "message": ""})


def test_a_partial_failure_is_passed_on_record_by_record() -> None:
    documented = {
        "FailedRecordCount": 1,
        "Records": [
            {"SequenceNumber": "1", "ShardId": "shardId-000000000000"},
            {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard …"},
        ],
    }
    records = [{"data": {"a": n}, "partition-key": str(n)} for n in range(2)]
    answer = Kinesis(200, documented).asked(RECORDS, {"records": records})

    assert (answer.status_code, json.loads(answer.body)) == (200, documented)
    assert answer.headers["content-type"] == "application/json"
