import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pinpipe_airflow.hooks.kafka_connect import ConnectorStatus, KafkaConnectHook

JAVA = """org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:632)
Caused by: org.apache.kafka.connect.errors.ConnectException: S3 is not to be had
\tat io.confluent.connect.s3.S3SinkTask.start(S3SinkTask.java:115)
Caused by: com.amazonaws.AmazonS3Exception: Non-existent S3 bucket: b
\t... 12 more"""
PYTHON = """Traceback (most recent call last):
  File "object_store.py", line 66, in check
botocore.exceptions.ClientError: 404

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "task_thread.py", line 71, in _run
StoreRefusedError: Non-existent S3 bucket: 'b'
"""


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        (
            JAVA,
            "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.; "
            "Caused by: com.amazonaws.AmazonS3Exception: Non-existent S3 bucket: b",
        ),
        (PYTHON, "StoreRefusedError: Non-existent S3 bucket: 'b'"),
        ("one line", "one line"),
        ("\n", "no trace"),
    ],
)
def test_the_reason_of_a_failure_is_told_without_the_stack(trace, reason):
    assert ConnectorStatus("RUNNING", {0: "FAILED"}, {"task 0": trace}).reasons == f"task 0: {reason}"


def test_what_did_not_fail_has_no_reason():
    assert ConnectorStatus("RUNNING", {0: "RUNNING"}).reasons == "no trace"


@pytest.fixture
def answering(monkeypatch):
    """A service that gives each request the same answer; returns how to set it, and what was asked."""
    answer = {"status": 200, "body": b""}
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(answer["status"])
            self.send_header("Content-Length", str(len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"])

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    address = {"conn_type": "http", "host": "127.0.0.1", "port": server.server_port}
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA_CONNECT_DEFAULT", json.dumps(address))
    yield answer, asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "body",
    [b"[]", b"17", b'"text"', b"{}", b'{"connector": null, "tasks": []}', b'{"connector": {"state": "RUNNING"}}',
     b'{"connector": {"state": "RUNNING"}, "tasks": [{"id": "a", "state": "RUNNING"}]}'],
)  # fmt: skip
def test_an_answer_that_is_no_status_is_told_with_the_connection(answering, body):
    answering[0]["body"] = body
    with pytest.raises(RuntimeError, match=r"no status of connector 'sink'.*'kafka_connect_default'"):
        KafkaConnectHook().status("sink")


@pytest.mark.parametrize("status", [409, 503])
def test_a_hook_that_is_not_patient_asks_once(answering, status):
    answer, asked = answering
    answer["status"] = status
    started = time.monotonic()
    with pytest.raises(RuntimeError, match=f"answers {status}"):
        KafkaConnectHook(patient=False).status("sink")
    assert time.monotonic() - started < 0.5
    assert asked == ["/connectors/sink/status"]
