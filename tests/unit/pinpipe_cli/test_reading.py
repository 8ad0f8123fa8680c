"""Reading a lake on the file system; where it lies in S3 differs in its address only."""

import shutil
from datetime import UTC, date, datetime

import boto3
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from pinpipe_cli import reading

TIMESTAMP = pa.timestamp("us", "UTC")
LOGGED = [("ingest_date", pa.date32()), ("ingested_at", TIMESTAMP)]
ADDRESS = {
    "batch": [("topic", pa.string()), ("partition", pa.int32()), ("offset", pa.int64())],
    "speed": [("stream", pa.string()), ("shard", pa.string()), ("sequence_number", pa.string())],
}
OWN = {
    "pin": [
        ("ind", pa.int32()),
        ("unique_id", pa.string()),
        ("title", pa.string()),
        ("description", pa.string()),
        ("follower_count", pa.int64()),
        ("poster_name", pa.string()),
        ("tag_list", pa.string()),
        ("is_image_or_video", pa.string()),
        ("image_src", pa.string()),
        ("save_location", pa.string()),
        ("category", pa.string()),
    ],
    "geo": [
        ("ind", pa.int32()),
        ("country", pa.string()),
        ("coordinates", pa.list_(pa.float64())),
        ("timestamp", TIMESTAMP),
    ],
    "user": [("ind", pa.int32()), ("user_name", pa.string()), ("age", pa.int32()), ("date_joined", TIMESTAMP)],
    "quarantine": [
        ("data_set", pa.string()),
        ("key", pa.string()),
        ("rules", pa.list_(pa.string())),
        ("raw", pa.string()),
    ],
}
FIRST, SECOND = date(2024, 1, 1), date(2024, 1, 2)
NEW_YEAR = datetime(2018, 12, 31, 23, 30, tzinfo=UTC)
ROWS = {
    ("batch", "geo"): [
        {"ind": 2, "country": "Peru", "coordinates": [1.5, -2.0], "timestamp": NEW_YEAR, "ingest_date": FIRST},
        {"ind": 1, "country": "Malta", "timestamp": NEW_YEAR, "ingest_date": FIRST},
        {"ind": 1, "country": "Chile", "timestamp": NEW_YEAR, "ingest_date": SECOND},
    ],
    ("batch", "pin"): [{"ind": 1, "unique_id": "u1", "category": "art", "ingest_date": FIRST}],
    ("speed", "pin"): [{"ind": 2, "unique_id": "u2", "category": "art", "ingest_date": FIRST}],
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    root = tmp_path_factory.mktemp("lake")
    for layer, address in ADDRESS.items():
        for name, columns in OWN.items():
            rescued = [] if name == "quarantine" else [("_rescued_data", pa.string())]
            schema = pa.schema([*columns, *LOGGED, *address, *rescued])
            rows = pa.Table.from_pylist(ROWS.get((layer, name), []), schema)
            write_deltalake(str(root / layer / name), rows, partition_by=["ingest_date"])
    write_deltalake(str(root / "answers" / "q3b"), pa.table({"country": ["Peru"], "follower_count": [5]}))
    return str(root)


@pytest.mark.parametrize("lacking", ["_rescued_data", "coordinates", "timestamp"])
def test_what_a_table_of_an_earlier_version_lacks_is_read_with_null(lake, tmp_path, lacking):
    shutil.copytree(lake, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "batch" / "geo")
    schema = pa.schema([column for column in [*OWN["geo"], *LOGGED, *ADDRESS["batch"]] if column[0] != lacking])
    rows = pa.Table.from_pylist([{"ind": 1, "country": "Chile", "ingest_date": SECOND}], schema)
    write_deltalake(str(tmp_path / "batch" / "geo"), rows)
    for layer in ("batch", "serving"):
        [row] = reading.table("geo", layer, lake=str(tmp_path)).to_pylist()
        assert (row["country"], row[lacking]) == ("Chile", None)
    declared, found = (reading.table("geo", lake=root).schema.field(lacking) for root in (lake, str(tmp_path)))
    assert found.type == declared.type


def test_a_question_is_answered_from_both_layers(lake):
    assert reading.answer("q1", lake=lake).to_pylist() == [
        {"country": "Chile", "category": "art", "category_count": 1},
        {"country": "Peru", "category": "art", "category_count": 1},
    ]


def test_the_year_of_a_post_is_utcs_whatever_zone_the_machine_is_in(lake, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert reading.answer("Q2", lake=lake).to_pylist() == [{"post_year": 2018, "category": "art", "category_count": 2}]


def test_a_table_is_read_in_the_order_of_day_and_key(lake):
    rows = reading.table("geo", "batch", lake=lake).to_pylist()
    assert [(row["ingest_date"], row["ind"]) for row in rows] == [(FIRST, 1), (FIRST, 2), (SECOND, 1)]


def test_a_table_keeps_its_types(lake):
    schema = reading.table("geo", "batch", lake=lake).schema
    assert schema.field("ind").type == pa.int32()
    assert schema.field("offset").type == pa.int64()
    assert schema.field("timestamp").type == TIMESTAMP
    assert schema.field("ingest_date").type == pa.date32()
    assert pa.types.is_list(schema.field("coordinates").type)


def test_a_serving_view_is_read_by_default(lake):
    assert [row["country"] for row in reading.table("geo", lake=lake).to_pylist()] == ["Peru", "Chile"]


def test_a_day_is_read_alone(lake):
    assert [row["country"] for row in reading.table("geo", "batch", SECOND, lake=lake).to_pylist()] == ["Chile"]


def test_a_limit_gives_the_first_rows(lake):
    assert [row["ind"] for row in reading.table("geo", "batch", limit=1, lake=lake).to_pylist()] == [1]


def test_rows_are_counted(lake):
    assert reading.count("geo", lake=lake) == 2
    assert reading.count("geo", "batch", lake=lake) == 3
    assert reading.count("geo", "batch", FIRST, lake=lake) == 2
    assert reading.count("quarantine", "speed", lake=lake) == 0


def test_a_published_answer_is_a_table_too(lake):
    assert reading.table("q3b", "answers", lake=lake).to_pylist() == [{"country": "Peru", "follower_count": 5}]


def test_a_day_of_an_answer_is_refused(lake):
    with pytest.raises(ValueError, match=r"leave out day 2024-01-01"):
        reading.table("q3b", "answers", FIRST, lake=lake)


def test_an_unknown_table_is_refused_with_the_tables_there_are(lake):
    with pytest.raises(
        LookupError, match=r"no table 'quarantine' .*: there are pin, geo, user; `--layer batch` has it$"
    ):
        reading.table("quarantine", lake=lake)


def test_an_unknown_layer_is_refused_with_the_layers_there_are(lake):
    with pytest.raises(LookupError, match=r"no layer 'gold': there are serving, batch, speed, answers"):
        reading.count("pin", "gold", lake=lake)


def test_a_missing_table_is_reported_with_the_dag_that_makes_it(tmp_path):
    with pytest.raises(reading.TableMissingError, match=r"no Delta table batch\.pin .* `pinpipe run provision`"):
        reading.answer("Q1", lake=str(tmp_path))


def test_a_missing_answer_is_reported_with_the_dag_that_makes_it(lake):
    with pytest.raises(reading.TableMissingError, match=r"no Delta table answers\.q1 .* `pinpipe run analytics`"):
        reading.table("q1", "answers", lake=lake)


def test_a_dead_s3_is_reported_within_seconds(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep these credentials for later tests
    with pytest.raises(ConnectionError, match=r"S3 does not answer .*: `pinpipe up` starts it"):
        reading.count("pin", lake="s3://bucket/delta")


def test_s3_is_reached_where_botocore_is_told_to(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    options = reading.storage_options()
    assert options["aws_endpoint_url"] == "http://127.0.0.1:4566"
    assert options["aws_allow_http"] == "true"


def test_without_an_endpoint_s3_is_amazons_own(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert not reading.storage_options().keys() & {"aws_endpoint_url", "aws_allow_http"}
