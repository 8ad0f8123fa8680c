"""The data source ``kinesis`` in a real Spark, on a real endpoint."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.home import ROOT
from spark_jobs.kinesis_source import register
from spark_jobs.kinesis_source.client import kinesis_client
from spark_jobs.kinesis_source.options import parse
from tests.integration.spark_jobs.kinesis_emulator import KinesisEmulator

pytestmark = pytest.mark.spark

NAMES = (f"stream-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def kinesis(tmp_path_factory):
    emulator = KinesisEmulator(tmp_path_factory.mktemp("ministack") / "log")
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture
def streams(kinesis):
    names = [next(NAMES) for _ in range(3)]
    kinesis.create_streams(*names)
    return names


@pytest.fixture(scope="module")
def session(spark):
    assert register(spark)
    return spark


class Sink:
    """What a query delivered: the rows of each batch, of each attempt."""

    def __init__(self, fails_in=None):
        self.batches = {}
        self._fails_in = fails_in

    def write(self, frame, number):
        rows = [(row.stream, row.shardId, int(row.sequenceNumber), row.data.decode()) for row in frame.collect()]
        self.batches[number] = sorted(rows)
        if number == self._fails_in:
            raise RuntimeError("the sink fails")

    @property
    def data(self):
        return [row[-1] for _, rows in sorted(self.batches.items()) for row in rows]


def start(session, options, sink, checkpoint):
    source = session.readStream.format("kinesis").options(**options).load()
    return source.writeStream.foreachBatch(sink.write).option("checkpointLocation", str(checkpoint)).start()


def run(session, options, sink, checkpoint):
    """Read what there is; return the error that ended the query, if any."""
    query = start(session, options, sink, checkpoint)
    try:
        query.processAllAvailable()
    except Exception as error:
        return str(error)
    finally:
        query.stop()
    return None


def offset_log(checkpoint):
    return sorted(int(file.name) for file in (checkpoint / "offsets").iterdir() if file.name.isdigit())


def test_a_record_comes_with_the_columns_of_the_built_in_source(session, kinesis, streams, tmp_path):
    frame = session.readStream.format("kinesis").options(**kinesis.options(*streams)).load()
    assert [(field.name, field.dataType.simpleString()) for field in frame.schema] == [
        ("partitionKey", "string"), ("data", "binary"), ("stream", "string"), ("shardId", "string"),
        ("sequenceNumber", "string"), ("approximateArrivalTimestamp", "timestamp"),
    ]  # fmt: skip
    put = kinesis.client.put_record(StreamName=streams[0], Data=b"\xff\x00", PartitionKey="ключ")
    rows = []
    query = frame.writeStream.foreachBatch(lambda batch, _: rows.extend(batch.collect()))
    query = query.option("checkpointLocation", str(tmp_path / "checkpoint")).start()
    query.processAllAvailable()
    query.stop()
    (row,) = rows
    assert (row.partitionKey, bytes(row.data), row.stream) == ("ключ", b"\xff\x00", streams[0])
    assert (row.shardId, row.sequenceNumber) == (put["ShardId"], put["SequenceNumber"])
    assert abs(row.approximateArrivalTimestamp.timestamp() - time.time()) < 60


def test_twenty_thousand_records_of_three_streams_arrive_once(session, kinesis, streams, tmp_path, capsys):
    put = [each for index, stream in enumerate(streams) for each in kinesis.put(stream, range(index, 20_000, 3), 700)]
    sink, began = Sink(), time.monotonic()
    options = kinesis.options(*streams, maxFetchRate="2.0", maxRecordsPerTrigger="5000")
    assert run(session, options, sink, tmp_path / "checkpoint") is None
    seconds = time.monotonic() - began
    assert sorted(sink.data) == sorted(put)
    assert max(map(len, sink.batches.values())) == 5000
    with capsys.disabled():
        print(f"\n{len(put)} records of 700 bytes in {seconds:.1f} s, the start of the query included")


def test_a_query_reads_on_from_its_checkpoint(session, kinesis, streams, tmp_path):
    put = kinesis.put(streams[0], range(10))
    first, second = Sink(), Sink()
    assert run(session, kinesis.options(*streams), first, tmp_path) is None
    put += kinesis.put(streams[0], range(10, 15)) + kinesis.put(streams[2], range(20, 25))
    assert run(session, kinesis.options(*streams), second, tmp_path) is None
    assert first.data + second.data == put


@pytest.mark.parametrize("position", ["trim_horizon", "latest"])
def test_a_first_batch_that_failed_is_the_same_again(session, kinesis, streams, tmp_path, position):
    options = kinesis.options(*streams, initialPosition=position)
    put = kinesis.put(streams[0], range(10))
    failing, again = Sink(fails_in=0), Sink()
    assert "the sink fails" in run(session, options, failing, tmp_path)
    put += kinesis.put(streams[0], range(10, 20)) + kinesis.put(streams[1], range(20, 30))
    assert run(session, options, again, tmp_path) is None
    assert again.batches[0] == failing.batches[0]
    assert sorted(again.data[-20:]) == sorted(put[-20:])


def test_a_later_batch_that_failed_is_the_same_again(session, kinesis, streams, tmp_path):
    options = kinesis.options(*streams, maxRecordsPerTrigger="40")
    put = [
        each
        for index, stream in enumerate(streams)
        for each in kinesis.put(stream, range(index * 100, index * 100 + 50))
    ]
    failing, again = Sink(fails_in=2), Sink()
    assert "the sink fails" in run(session, options, failing, tmp_path)
    assert offset_log(tmp_path) == [0, 1, 2]
    assert not (tmp_path / "commits" / "2").exists()
    put += kinesis.put(streams[1], range(400, 410))
    assert run(session, options, again, tmp_path) is None
    assert again.batches[2] == failing.batches[2]
    assert sorted(failing.data[:80] + again.data) == sorted(put)


def test_a_quiet_query_writes_nothing_down_after_its_first_batch(session, kinesis, streams, tmp_path):
    query = start(session, kinesis.options(*streams), Sink(), tmp_path)
    query.processAllAvailable()
    time.sleep(3)
    query.stop()
    assert offset_log(tmp_path) == [0]


def test_a_stopped_query_leaves_no_process_behind(session, kinesis, streams, tmp_path):
    def runners():
        return [
            pid for pid in os.listdir("/proc")
            if pid.isdigit() and b"python_streaming_source_runner" in _command(pid) and _parent(pid) == _jvm(session)
        ]  # fmt: skip

    query = start(session, kinesis.options(*streams), Sink(), tmp_path)
    query.processAllAvailable()
    assert len(runners()) == 1
    query.stop()
    deadline = time.monotonic() + 20
    while runners() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not runners()


class TestErrors:
    @pytest.mark.parametrize(
        ("option", "message"),
        [
            ({"maxFetchRat": "1"}, "option maxfetchrat is none of the Kinesis source's"),
            ({"maxRecordsPerFetch": "20000"}, "option maxRecordsPerFetch is '20000'"),
            ({"serviceCredential": "mine"}, "there is none outside Databricks"),
        ],
    )
    def test_a_wrong_option_is_told_before_the_query_starts(self, session, kinesis, option, message):
        with pytest.raises(Exception, match="OptionError") as caught:
            session.readStream.format("kinesis").options(**kinesis.options("s", **option)).load()
        assert message in str(caught.value)

    def test_a_stream_that_is_not_there_ends_the_query_with_its_name(self, session, kinesis, tmp_path):
        error = run(session, kinesis.options("nowhere"), Sink(), tmp_path)
        assert "StreamNotFoundError: stream 'nowhere' is not there: create it, or correct the options" in error

    def test_a_stream_that_was_created_anew_ends_the_query(self, session, kinesis, streams, tmp_path):
        kinesis.put(streams[0], range(3))
        assert run(session, kinesis.options(*streams), Sink(), tmp_path) is None
        kinesis.client.delete_stream(StreamName=streams[0])
        kinesis.create_streams(streams[0])
        assert "the stream was deleted and created anew" in run(session, kinesis.options(*streams), Sink(), tmp_path)


@pytest.mark.long
class TestKilled:
    """A process that is killed, the Java one too, at any moment: the offset written down, the batch not committed."""

    def test_each_record_counts_once_by_its_batch(self, kinesis, streams, tmp_path):
        checkpoint, folder = tmp_path / "checkpoint", tmp_path / "batches"
        folder.mkdir()
        options = kinesis.options(*streams, maxRecordsPerTrigger="30")
        put = [each for index, stream in enumerate(streams) for each in kinesis.put(stream, range(index, 150, 3))]
        for stays_in in (0, 2):
            self._run_until(
                options, checkpoint, folder, stays_in, lambda stays_in=stays_in: self._has(folder, stays_in)
            )
        put += kinesis.put(streams[0], range(500, 510))
        self._run_until(options, checkpoint, folder, -1, lambda: len(self._data(folder)) >= len(put))
        assert sorted(self._data(folder)) == sorted(put)
        assert len(list(folder.glob("000000.*"))) == len(list(folder.glob("000002.*"))) == 2
        for number in ("000000", "000002"):
            first, second = (json.loads(file.read_text()) for file in sorted(folder.glob(f"{number}.*")))
            assert first == second

    def _run_until(self, options, checkpoint, folder, stays_in, done):
        script = Path(__file__).with_name("kinesis_process.py")
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        with open(folder.parent / "log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, script, json.dumps(options), checkpoint, folder, str(stays_in)],
                env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 120
        try:
            while not done():
                assert process.poll() is None and time.monotonic() < deadline, (folder.parent / "log").read_text()[
                    -3000:
                ]
                time.sleep(0.1)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)

    def _has(self, folder, number):
        return any(file.suffix != ".new" for file in folder.glob(f"{number:06d}.*"))

    def _data(self, folder):
        newest = {file.stem: file for file in sorted(folder.iterdir()) if file.suffix != ".new"}
        return [row[-1] for file in newest.values() for row in json.loads(file.read_text())]


def test_a_role_is_taken_where_one_is_given(kinesis, streams):
    role = {"roleArn": "arn:aws:iam::000000000000:role/reader", "roleSessionName": "me", "stsEndpoint": kinesis.url}
    client = kinesis_client(parse(kinesis.options(*streams, **role)).connection)
    assert client.list_shards(StreamName=streams[0])["Shards"]
    assert client._request_signer._credentials.access_key != "test"
    assert client._request_signer._credentials.method == "assume-role"


def test_databricks_reads_with_the_source_it_has(monkeypatch):
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert register(None) is False


def _command(pid):
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return b""


def _parent(pid):
    try:
        return int(Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def _jvm(session):
    return session.sparkContext._gateway.proc.pid
