"""The raw objects of a day: what lies in S3, and each of its lines once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from include import layout
from include.schema import DATASETS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEAD_LETTER = "dead_letter"
DATA_SETS = (*DATASETS, DEAD_LETTER)  # whatever a day's receipt counts

_GLOB = str.maketrans({character: f"\\{character}" for character in "{}[]*?\\"})


@dataclass(frozen=True)
class RawObject:
    """An object as it was listed, before it was read: one that changes later has another ETag than the receipt says.

    :param data_set: ``pin``, ``geo``, ``user`` or ``dead_letter``, by its folder.
    :param key: key in the bucket.
    :param etag: entity tag without quotes.
    :param size: size in bytes.
    """

    data_set: str
    key: str
    etag: str
    size: int

    @property
    def ignored(self) -> bool:
        """Whether Hadoop, and so Spark, takes the object for a marker rather than data and leaves it out."""
        return self.key.endswith("/") or self.key.rsplit("/", 1)[-1].startswith(("_", "."))

    @property
    def holds_lines(self) -> bool:
        """Whether there is a line in it: an empty dead letter was a record too."""
        return not self.ignored and (bool(self.size) or self.data_set == DEAD_LETTER)


def topics(pipeline_id: str) -> dict[str, str]:
    """Return the topic of each of :data:`DATA_SETS`."""
    of_data = {name: layout.topic(pipeline_id, name) for name in DATASETS}
    return {**of_data, DEAD_LETTER: layout.dead_letter_topic(pipeline_id)}


def list_day(s3: S3Client, bucket: str, pipeline_id: str, day: str) -> Iterator[RawObject]:
    """Yield the objects of a day (``YYYY-MM-DD``), data set by data set, by key.

    :raises botocore.exceptions.ClientError: when the bucket cannot be listed.
    """
    pages = s3.get_paginator("list_objects_v2")
    for data_set, topic in topics(pipeline_id).items():
        for page in pages.paginate(Bucket=bucket, Prefix=layout.raw_prefix(topic, day)):
            for entry in page.get("Contents", []):
                yield RawObject(data_set, entry["Key"], entry["ETag"].strip('"'), entry["Size"])


def read_lines(spark: SparkSession, root: str, data_set: str, objects: Sequence[RawObject]) -> DataFrame:
    """Return every line of a data set's ``objects``: ``file`` (URI) and ``value``, text of whatever bytes.

    A line ends with a line feed alone, as the sink writes it. A dead letter is one line, whatever it holds.

    :param root: what the keys stand under, ``s3://<bucket>``.
    :param objects: at least one that :attr:`~RawObject.holds_lines`.
    """
    letters = data_set == DEAD_LETTER
    filled = [raw for raw in objects if raw.size]
    empty_letters = [raw for raw in objects if letters and not raw.size]  # Spark skips files without a byte
    parts = []
    if filled:
        text = spark.read.text(_paths(root, filled), wholetext=letters, lineSep=None if letters else "\n")
        parts.append(text.select(F.col("_metadata.file_path").alias("file"), "value"))
    if empty_letters:
        parts.append(_empty_letters(spark, root, empty_letters))
    return reduce(DataFrame.unionByName, parts)


def lines_by_key(counts: Iterable[tuple[str, int]], root: str, objects: Sequence[RawObject]) -> dict[str, int]:
    """Return the number of lines of each object.

    :param counts: ``file`` of :func:`read_lines` and its number of lines, of every file that has any.
    :raises RuntimeError: when a file is none of ``objects``, or an object with bytes gave no line.
    """
    keys = {unquote(_file(root, raw)): raw.key for raw in objects}
    lines = dict.fromkeys(keys.values(), 0)
    for file, count in counts:
        if unquote(file) not in keys:
            raise RuntimeError(f"{file} was read although it is none of the {len(keys)} objects listed: report this")
        lines[keys[unquote(file)]] = count
    for raw in objects:
        if raw.size and not lines[raw.key]:
            raise RuntimeError(
                f"{raw.key} has {raw.size} bytes but gave no line: it changed while it was read; run the day again"
            )
    return lines


def _paths(root: str, objects: Sequence[RawObject]) -> list[str]:
    return [f"{root}/{raw.key}".translate(_GLOB) for raw in objects]


def _file(root: str, raw: RawObject) -> str:
    """Return what Spark calls the file: the URI with escapes, a local one without an empty host."""
    return quote(f"{root}/{raw.key}".replace("file:///", "file:/", 1), safe="/:+=")


def _empty_letters(spark: SparkSession, root: str, letters: Sequence[RawObject]) -> DataFrame:
    """Return a line without text for each of ``letters``; built by expressions, as rows from Python start a worker."""
    files = F.array(*(F.lit(_file(root, raw)) for raw in letters))
    return spark.range(1).select(F.explode(files).alias("file"), F.lit("").alias("value"))
