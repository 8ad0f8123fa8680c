"""The streaming job beside Spark: what it is told, what it tells, and which streams it reads."""

import json
import time
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.config import Config

from include import layout
from spark_jobs import clean_stream
from spark_jobs import heartbeat as heartbeat_module
from spark_jobs.heartbeat import Heartbeat, Pulse
from spark_jobs.kinesis_source.options import parse
from spark_jobs.stream_control import StreamControl
from spark_jobs.stream_counts import StreamCounts
from spark_jobs.stream_epoch import (
    MissingStreamError,
    creation_times,
    epoch_of,
    known_epochs,
    longest_retention,
    reason_to_change,
)

from .aws import Ministack

pytestmark = pytest.mark.spark

IMPATIENT = Config(connect_timeout=1, read_timeout=2, retries={"max_attempts": 1})
STREAMS = "p-pin,p-geo,p-user"


@pytest.fixture(scope="module")
def ministack(tmp_path_factory):
    aws = Ministack(tmp_path_factory.mktemp("aws"))
    aws.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", aws.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "local")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield aws
    aws.stop()


@pytest.fixture
def s3(ministack):
    return boto3.client("s3", config=IMPATIENT)


@pytest.fixture
def kinesis(ministack):
    return boto3.client("kinesis", config=IMPATIENT)


@pytest.fixture
def bucket(s3, request):
    name = f"b{abs(hash(request.node.nodeid)):x}"
    s3.create_bucket(Bucket=name)
    return name


def put(s3, bucket, key, content):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def beat(s3, bucket):
    key = layout.receipt_key("clean_stream")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def has_state(s3, bucket, state):
    """Tell whether the heartbeat, where there is one yet, says ``state``."""
    try:
        return beat(s3, bucket)["state"] == state
    except s3.exceptions.NoSuchKey:
        return False


def until(condition, within_s=30):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- what the job is told


def told_to_stop(s3, bucket, version="v1"):
    control = StreamControl(s3, bucket, version)
    control.look()
    assert control.stop.is_set() == bool(control.because)
    return control.because


def test_without_any_order_the_job_goes_on(s3, bucket):
    assert told_to_stop(s3, bucket) is None


def test_a_wish_to_stop_is_obeyed_and_told(s3, bucket):
    put(s3, bucket, "control/stream.json", {"wish": "stopped", "at": "2020-01-01T00:00:00+00:00", "by": "me"})
    assert told_to_stop(s3, bucket) == "the wish is 'stopped', by me at 2020-01-01T00:00:00+00:00"
    put(s3, bucket, "control/stream.json", {"wish": "running", "at": "2020-01-01T00:00:00+00:00", "by": "me"})
    assert told_to_stop(s3, bucket) is None


def test_another_version_that_is_wanted_is_a_reason_to_stop(s3, bucket):
    put(s3, bucket, "control/stream_version.json", {"version": "v1", "at": "2020-01-01T00:00:00+00:00"})
    assert told_to_stop(s3, bucket, "v1") is None
    assert told_to_stop(s3, bucket, "v0") == "version v1 is wanted, this is v0"


@pytest.mark.parametrize("content", [b"no JSON", b"\xff", b"[1]", b""])
def test_an_order_that_cannot_be_read_is_none(s3, bucket, content, caplog):
    put(s3, bucket, "control/stream.json", content)
    assert told_to_stop(s3, bucket) is None
    assert "control/stream.json" in caplog.text


def test_an_order_is_not_taken_back(s3, bucket):
    control = StreamControl(s3, bucket, "v1")
    control.end("streams were created anew")
    control.look()
    control.end("another reason")
    assert (control.stop.is_set(), control.at_once) == (True, False)
    assert control.because == "streams were created anew"


# --- what the job tells


def heartbeat_of(s3, bucket, run_id, *, every_s=0.2, each_beat=lambda: None, taken_over=lambda _: None, **fields):
    pulse = Pulse("clean_stream", run_id, "v1", **fields)
    return Heartbeat(s3, bucket, pulse, every_s, each_beat, taken_over)


def test_the_heartbeat_has_the_fields_that_readers_know(s3, bucket):
    heartbeat = heartbeat_of(s3, bucket, "7")
    heartbeat.end("stopped")
    told = beat(s3, bucket)
    assert list(told) == [
        "job", "run_id", "version", "query_id", "epoch", "state", "started_at", "beat_at", "progressed_at", "batch_id",
        "rows", "last_batch", "quarantined_by_rule", "positions", "newest_record_at", "lag_ms", "stopping_because",
        "error",
    ]  # fmt: skip
    assert (told["job"], told["run_id"], told["version"], told["state"]) == ("clean_stream", "7", "v1", "stopped")
    appended = {"pin": 0, "geo": 0, "user": 0}
    assert told["rows"] == {"read": 0, "appended": appended, "quarantined": 0, "redelivered": 0}
    assert (told["progressed_at"], told["batch_id"], told["last_batch"], told["lag_ms"]) == (None,) * 4


def test_a_change_is_told_at_once_and_progress_with_the_next_beat(s3, bucket):
    beats = []
    heartbeat = heartbeat_of(s3, bucket, "7", each_beat=lambda: beats.append(1))
    heartbeat.start()
    heartbeat.change(state="running", query_id="q", epoch="e")
    until(lambda: has_state(s3, bucket, "running"))
    heartbeat.complete_batch(3, StreamCounts(read=2, quarantined=2), 0.25)
    until(lambda: beat(s3, bucket)["batch_id"] == 3)
    assert beat(s3, bucket)["last_batch"]["duration_ms"] == 250
    heartbeat.end("failed", error="why")
    told = beat(s3, bucket)
    assert (told["state"], told["error"], told["query_id"], told["epoch"]) == ("failed", "why", "q", "e")
    assert beats


def test_the_heartbeat_outlives_a_store_that_is_away(ministack, s3, bucket, caplog):
    heartbeat = heartbeat_of(s3, bucket, "7")
    heartbeat.start()
    until(lambda: has_state(s3, bucket, "starting"))
    ministack.stop()
    heartbeat.change(state="running")
    until(lambda: "heartbeat not written" in caplog.text)
    ministack.start()
    until(lambda: has_state(s3, bucket, "running"))
    heartbeat.end("stopped")
    assert beat(s3, bucket)["state"] == "stopped"


def test_a_look_that_fails_does_not_stop_the_heartbeat(s3, bucket):
    looks = []

    def look():
        looks.append(1)
        raise RuntimeError("a fault")

    heartbeat = heartbeat_of(s3, bucket, "7", each_beat=look)
    heartbeat.start()
    until(lambda: len(looks) > 2)
    heartbeat.end("stopped")


# --- another run at work


def test_a_run_that_sees_a_later_one_at_work_is_told_and_writes_no_more(s3, bucket):
    seen = []
    older = heartbeat_of(s3, bucket, "7", every_s=60, taken_over=seen.append)
    older.start()
    until(lambda: has_state(s3, bucket, "starting"))
    newer = heartbeat_of(s3, bucket, "8", every_s=0.05)  # for which the other is gone once the store's clock goes on
    newer.start()
    until(lambda: beat(s3, bucket)["run_id"] == "8")
    older.change(state="running")
    until(lambda: seen)
    newer.change(state="running")
    until(lambda: has_state(s3, bucket, "running"))
    older.end("failed", error="run 8 took over")
    assert (set(seen), beat(s3, bucket)["run_id"], beat(s3, bucket)["state"]) == ({"8"}, "8", "running")
    newer.end("stopped")
    assert beat(s3, bucket)["state"] == "stopped"


def test_a_run_waits_while_another_beats_and_goes_on_when_that_has_ended(s3, bucket):
    older = heartbeat_of(s3, bucket, "7")
    older.start()
    until(lambda: has_state(s3, bucket, "starting"))
    newer = heartbeat_of(s3, bucket, "8", every_s=20)
    newer.start()
    assert not newer.alone.wait(2)
    assert beat(s3, bucket)["run_id"] == "7"
    older.end("stopped")
    assert newer.alone.wait(20)
    until(lambda: beat(s3, bucket)["run_id"] == "8")
    newer.end("stopped")


def test_a_run_whose_predecessor_was_killed_goes_on_after_three_beats(s3, bucket):
    put(s3, bucket, layout.receipt_key("clean_stream"), heartbeat_of(s3, bucket, "7")._pulse.as_receipt())
    newer = heartbeat_of(s3, bucket, "8", every_s=1)
    newer.start()
    assert newer.alone.wait(30)
    newer.end("stopped")
    assert beat(s3, bucket)["run_id"] == "8"


def test_a_run_does_not_wait_for_ever(s3, bucket, monkeypatch, caplog):
    monkeypatch.setattr(heartbeat_module, "_WAIT_FOR_ANOTHER_S", 1)
    put(s3, bucket, layout.receipt_key("clean_stream"), heartbeat_of(s3, bucket, "7")._pulse.as_receipt())
    newer = heartbeat_of(s3, bucket, "8", every_s=60)
    newer.start()
    assert newer.alone.wait(30)
    newer.end("stopped")
    assert "going on" in caplog.text


def test_a_clock_that_is_behind_makes_no_run_the_earlier_one(s3, bucket):
    ahead = datetime.now(UTC) + timedelta(hours=1)
    put(
        s3, bucket, layout.receipt_key("clean_stream"),
        heartbeat_of(s3, bucket, "7", started_at=ahead, state="failed")._pulse.as_receipt(),
    )  # fmt: skip
    newer = heartbeat_of(s3, bucket, "8")
    newer.start()
    until(lambda: beat(s3, bucket)["run_id"] == "8")
    newer.end("stopped")
    assert datetime.fromisoformat(beat(s3, bucket)["started_at"]) > ahead


@pytest.mark.parametrize("content", [b"no JSON", b"[1]", b'{"run_id": "7"}'])
def test_what_is_no_heartbeat_is_written_over(s3, bucket, content, caplog):
    put(s3, bucket, layout.receipt_key("clean_stream"), content)
    heartbeat_of(s3, bucket, "8").end("stopped")
    assert beat(s3, bucket)["run_id"] == "8"
    assert "is no heartbeat" in caplog.text


# --- which streams it reads


@pytest.fixture
def streams(kinesis):
    names = STREAMS.split(",")
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)
    until(lambda: len(_active(kinesis, names)) == len(names))
    yield names
    for name in _active(kinesis, names):
        kinesis.delete_stream(StreamName=name)


def _active(kinesis, names):
    try:
        return list(creation_times(kinesis, names))
    except MissingStreamError:
        return []


def test_streams_that_are_not_there_are_named_with_the_way_out(kinesis):
    with pytest.raises(MissingStreamError, match=r"q-pin does not exist, q-geo does not exist; run the DAG provision"):
        creation_times(kinesis, ["q-pin", "q-geo"])


def test_an_epoch_stays_until_a_stream_is_created_anew(kinesis, streams):
    epoch = epoch_of(creation_times(kinesis, streams))
    assert len(epoch) == 12
    assert epoch_of(creation_times(kinesis, reversed(streams))) == epoch
    assert reason_to_change(kinesis, streams, epoch) is None
    time.sleep(1.1)  # creation times may be whole seconds
    kinesis.delete_stream(StreamName=streams[1])
    until(lambda: not _active(kinesis, streams))
    assert reason_to_change(kinesis, streams, epoch) is None
    kinesis.create_stream(StreamName=streams[1], ShardCount=1)
    until(lambda: _active(kinesis, streams))
    assert epoch_of(creation_times(kinesis, streams)) != epoch
    assert "streams were created anew" in reason_to_change(kinesis, streams, epoch)


def test_the_longest_retention_counts(kinesis, streams):
    kinesis.increase_stream_retention_period(StreamName=streams[2], RetentionPeriodHours=36)
    assert longest_retention(kinesis, streams) == timedelta(hours=36)


def test_streams_that_are_created_anew_end_the_run(kinesis, streams, monkeypatch):
    monkeypatch.setattr(clean_stream, "_EPOCH_EVERY_S", 0.05)
    control = StreamControl(None, "bucket", "v1")
    clean_stream._watch_epoch(kinesis, streams, "another", control)
    assert "streams were created anew" in control.because


def test_epochs_with_a_checkpoint_are_known(s3, bucket):
    assert known_epochs(s3, bucket, "clean_stream") == []
    for key in ("aaaa/metadata", "aaaa/offsets/0", "bbbb/metadata"):
        put(s3, bucket, f"checkpoints/clean_stream/{key}", b"")
    assert known_epochs(s3, bucket, "clean_stream") == ["aaaa", "bbbb"]


def test_the_local_source_takes_what_bounds_a_batch_on_databricks():
    given = {"streamName": STREAMS, "region": "us-east-1", "initialPosition": "trim_horizon"}
    options = parse({**given, **clean_stream._BATCH_BOUNDS})
    assert (options.fetch_buffer_size, options.max_fetch_rate) == (64 << 20, 2 << 20)


# --- the job as a whole


def arguments(bucket, **changes):
    given = {
        "streams": STREAMS, "region": "us-east-1", "bucket": bucket, "lake": f"s3://{bucket}/delta",
        "pipeline-id": "p", "trigger-ms": "500", "heartbeat-s": "1", "version": "v1", "run-id": "7", **changes,
    }  # fmt: skip
    return [part for name, value in given.items() for part in (f"--{name}", value)]


@pytest.fixture
def no_spark(monkeypatch):
    def refuse(*_):
        raise AssertionError("a session was begun")

    monkeypatch.setattr(clean_stream, "spark_session", refuse)


def test_a_run_that_is_not_wished_ends_well_without_spark(s3, bucket, no_spark):
    put(s3, bucket, "control/stream.json", {"wish": "stopped", "at": "now", "by": "me"})
    clean_stream.main(arguments(bucket))
    told = beat(s3, bucket)
    assert (told["state"], told["stopping_because"]) == ("stopped", "the wish is 'stopped', by me at now")


def test_a_run_without_its_streams_fails_and_says_so(s3, bucket, no_spark):
    with pytest.raises(MissingStreamError):
        clean_stream.main(arguments(bucket, streams="q-pin,q-geo"))
    told = beat(s3, bucket)
    assert told["state"] == "failed"
    assert "q-pin does not exist, q-geo does not exist; run the DAG provision" in told["error"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_interrupted_says_so(s3, bucket, streams, monkeypatch, interruption):
    def interrupt(*_):
        raise interruption

    monkeypatch.setattr(clean_stream, "spark_session", interrupt)
    with pytest.raises(interruption):
        clean_stream.main(arguments(bucket))
    assert (beat(s3, bucket)["state"], beat(s3, bucket)["error"]) == ("failed", "interrupted")


@pytest.mark.parametrize(
    "wrong", [{"trigger-ms": "-1"}, {"trigger-ms": "soon"}, {"heartbeat-s": "0"}, {"streams": ","}]
)
def test_arguments_that_cannot_be_are_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        clean_stream.main(arguments("b", **wrong))
    assert repr(next(iter(wrong.values()))) in capsys.readouterr().err
