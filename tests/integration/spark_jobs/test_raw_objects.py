import boto3
import pytest
from botocore.stub import Stubber

from spark_jobs.raw_objects import RawObject, lines_by_key, list_day, read_lines

pytestmark = pytest.mark.spark

FOLDER = "topics/p.geo/dt=2020-01-01"


def written(root, key, body, data_set="geo"):
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return RawObject(data_set, key, "etag", len(body))


def read(spark, root, objects):
    data_sets = {raw.data_set: [other for other in objects if other.data_set == raw.data_set] for raw in objects}
    rows = [
        (data_set, row)
        for data_set, of in data_sets.items()
        for row in read_lines(spark, f"file://{root}", data_set, of).collect()
    ]
    counts = {}
    for _, row in rows:
        counts[row.file] = counts.get(row.file, 0) + 1
    lines = lines_by_key(counts.items(), f"file://{root}", objects)
    return sorted((data_set, row.value) for data_set, row in rows), lines


def test_a_days_objects_are_listed_per_topic_page_by_page():
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")

    def page(topic, *names, token=None):
        prefix = f"topics/p.{topic}/dt=2020-01-01/"
        entries = [{"Key": prefix + name, "ETag": f'"{name}"', "Size": 7} for name in names]
        more = {"IsTruncated": True, "NextContinuationToken": "next"} if token == "gives" else {"IsTruncated": False}
        asked = {"Bucket": "b", "Prefix": prefix}
        if token == "takes":
            asked["ContinuationToken"] = "next"
        stub.add_response("list_objects_v2", {"Contents": entries, **more} if entries else more, asked)

    with Stubber(s3) as stub:
        page("pin", "1.json", token="gives")
        page("pin", "2.json", token="takes")
        page("geo")
        page("user", "3.json")
        page("dead_letter", "4.bin")
        found = list(list_day(s3, "b", "p", "2020-01-01"))
        stub.assert_no_pending_responses()
    assert [(raw.data_set, raw.etag) for raw in found] == [
        ("pin", "1.json"), ("pin", "2.json"), ("user", "3.json"), ("dead_letter", "4.bin"),
    ]  # fmt: skip
    assert found[2] == RawObject("user", "topics/p.user/dt=2020-01-01/3.json", "3.json", 7)


def test_lines_end_with_a_line_feed_alone_and_a_dead_letter_is_one_line(spark, tmp_path):
    objects = [
        written(tmp_path, f"{FOLDER}/p.geo+0+0000000000.json", b'{"a":1}\r\n\nlast\rhalf'),
        written(tmp_path, f"{FOLDER}/p.geo+0+0000000003.json", b""),
        written(tmp_path, f"{FOLDER}/a [1] {{x}} \xc3\xa9*?%20.json", b"odd name\n"),
        written(tmp_path, "topics/p.dead_letter/dt=2020-01-01/p.dead_letter+0+0.bin", b"a\nb\n", "dead_letter"),
        written(tmp_path, "topics/p.dead_letter/dt=2020-01-01/p.dead_letter+0+1.bin", b"", "dead_letter"),
    ]
    written(tmp_path, f"{FOLDER}/p.geo+0+0000000009.json", b"came after the listing\n")
    values, lines = read(spark, tmp_path, objects)
    assert values == [
        ("dead_letter", ""), ("dead_letter", "a\nb\n"), ("geo", ""), ("geo", "last\rhalf"), ("geo", "odd name"),
        ("geo", '{"a":1}\r'),
    ]  # fmt: skip
    assert list(lines.values()) == [3, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("data_set", "name", "size", "holds"),
    [("geo", "p.geo+0+0.json", 0, False), ("geo", "p.geo+0+0.json", 1, True), ("geo", "_SUCCESS", 1, False),
     ("dead_letter", "p.dead_letter+0+0.bin", 0, True)],
)  # fmt: skip
def test_an_object_without_a_byte_holds_no_line_unless_it_is_a_dead_letter(data_set, name, size, holds):
    assert RawObject(data_set, f"{FOLDER}/{name}", "etag", size).holds_lines is holds


def test_an_object_that_gave_no_line_although_it_has_bytes_is_an_error():
    raw = RawObject("geo", f"{FOLDER}/1.json", "etag", 7)
    with pytest.raises(RuntimeError, match=r"1\.json has 7 bytes but gave no line"):
        lines_by_key([], "s3://b", [raw])


def test_a_file_that_was_not_listed_is_an_error():
    with pytest.raises(RuntimeError, match=r"s3://b/other\.json was read although"):
        lines_by_key([("s3://b/other.json", 1)], "s3://b", [])


@pytest.mark.parametrize(
    ("name", "ignored"), [("_SUCCESS", True), (".x.crc", True), ("", True), ("p.geo+0+1.json", False)]
)
def test_markers_are_ignored_as_spark_ignores_them(name, ignored):
    assert RawObject("geo", f"{FOLDER}/{name}", "etag", 1).ignored is ignored
