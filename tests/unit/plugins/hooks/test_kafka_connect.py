import pytest
from pinpipe_airflow.hooks.kafka_connect import ConnectorStatus

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
