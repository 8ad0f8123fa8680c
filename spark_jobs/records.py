"""A line of a raw object to a record: its columns as text, and the Kafka address that the sink wrote beside them."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from include.schema import Dataset
from spark_jobs.conversions import digits, log_timestamp, stripped

KAFKA_FIELDS = ("_topic", "_partition", "_offset", "_timestamp")

_END = "_end_of_line"
_STRICT_JSON = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_FILE_NAME = r"([^/+]+)\+([0-9]+)\+([0-9]+)\.[^/]*$"  # <topic>+<partition>+<first offset>.<format>


def with_record(lines: DataFrame, dataset: Dataset, also: Sequence[str] = ()) -> DataFrame:
    """Add ``record``: a struct of texts, one per column of ``dataset`` and of ``also``; NULL where it is unparsable.

    :param lines: has the column ``value``: the line as text, of whatever bytes.
    """
    parsed = lines.withColumn("elements", elements(dataset, also))
    return parsed.withColumn("record", record(F.col("elements"))).drop("elements")


def elements(dataset: Dataset, also: Sequence[str] = (), *, where: Column | None = None) -> Column:
    """Return what :func:`record` makes the record of: the line ``value`` as an array of structs of texts.

    ``value`` has to be exactly one JSON object in UTF-8. A number, ``true`` and ``false`` within it become their text,
    so do an object and an array. Of a repeated name the last counts.

    ``from_json`` reads a line's first value and drops the rest of the line, such as a second record glued to it. So the
    line is read as the first element of an array that has to end with an element of ours.

    :param where: which lines to parse, where lines of other data sets are among them; not given, all.
    """
    fields = [StructField(name, StringType()) for name in (*(c.name for c in dataset.columns), *also, _END)]
    array = F.concat(F.lit("["), F.col("value"), F.lit(f',{{"{_END}":true}}]'))
    readable = F.is_valid_utf8("value") if where is None else where & F.is_valid_utf8("value")
    return F.from_json(F.when(readable, array), ArrayType(StructType(fields)), _STRICT_JSON)


def record(elements: Column) -> Column:
    """Return the record of a line from its ``elements``: NULL unless it was one JSON object and nothing else."""
    first, last = F.get(elements, F.lit(0)), F.get(elements, F.lit(1))
    return F.when((F.size(elements) == 2) & last[_END].isNotNull(), first)


def with_kafka_address(records: DataFrame, topic: Column) -> DataFrame:
    """Add ``topic``, ``partition``, ``offset``, ``ingested_at`` (the log's) and ``addressed``: whether it has all four.

    A line without a readable address keeps what its file's name tells: topic and partition.

    :param records: has ``record`` with :data:`KAFKA_FIELDS`, and ``file``.
    :param topic: the topic by the file's folder, for a file that is not named as the sink names its own.
    """
    record = F.col("record")
    of_record = {
        "topic": F.nullif(stripped(record["_topic"]), F.lit("")),
        "partition": digits(record["_partition"], "int"),
        "offset": digits(record["_offset"], "bigint"),
        "ingested_at": log_timestamp(record["_timestamp"]),
    }
    known = [column.isNotNull() for column in of_record.values()]
    return records.withColumns(
        {
            **of_record,
            "topic": F.coalesce(of_record["topic"], topic),
            "partition": F.coalesce(of_record["partition"], file_partition()),
            "addressed": known[0] & known[1] & known[2] & known[3],
        }
    )


def file_partition() -> Column:
    """Return the partition that the name of ``file`` tells, NULL if it is not named as the sink names its own."""
    return F.nullif(F.regexp_extract("file", _FILE_NAME, 2), F.lit("")).try_cast("int")


def file_offset() -> Column:
    """Return the first offset that the name of ``file`` tells, NULL if it is not named as the sink names its own."""
    return F.nullif(F.regexp_extract("file", _FILE_NAME, 3), F.lit("")).try_cast("bigint")


def raw_text() -> Column:
    """Return ``value`` as the quarantine table keeps it: as it is, or ``base64:…`` on one line when it is not UTF-8."""
    lines = F.base64(F.col("value").cast("binary"))  # of 76 characters, as MIME has it
    base64 = F.concat(F.lit("base64:"), F.translate(lines, "\r\n", ""))
    return F.when(F.is_valid_utf8("value"), F.col("value")).otherwise(base64)
