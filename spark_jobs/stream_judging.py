"""Records of the Kinesis streams to judged rows: each record once, with its clean content or the rules that it breaks.

Nothing but expressions over one record at a time: no state, no filter, no join, so a row comes out for each that goes
in. Parsing, rules and conversions are those of the batch layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from include.schema import DATASETS, UNKNOWN_TABLE, datasets
from spark_jobs import checks, fields
from spark_jobs.records import elements, raw_text, record
from spark_jobs.tables import PARTITION, address

UNKNOWN = "unknown"  # the data set of a record that neither its stream nor its partition key tells

_NAMES = "|".join(DATASETS)
_STREAM = rf"-({_NAMES})$"  # <id>-pin
_NUMBERED_KEY = rf"^({_NAMES})-[0-9]+$"  # pin-17
_NAMED_KEY = rf"[_-]({_NAMES})$"  # <id>_pin, <id>-pin
_SECONDS_PER_DAY = 86_400

Steps = tuple[list[Column], ...]


def judge_records(records: DataFrame, steps: Steps) -> DataFrame:
    """Return each record with its data set, clean content or broken rules, and address.

    Columns: ``data_set``; for each data set a column of its name with the struct of its clean columns, NULL for rows
    of others; ``key``; ``rules`` (empty for a good row); ``raw`` (NULL for a good row); ``ingest_date``,
    ``ingested_at`` (the record's arrival in its stream) and the address.

    :param records: has the columns of the source ``kinesis``.
    :param steps: :func:`judging`.
    """
    return reduce(lambda rows, columns: rows.select(*columns), steps, records)


def judging() -> Steps:
    """Return the columns that each step of the judging selects, of all data sets at once.

    Made once for all micro-batches: a column costs calls into the JVM, and a step an analysis of the whole plan.
    """
    logged = {name: F.col(name) for name in ("data_set", PARTITION, "ingested_at", *address("speed"))}
    line = {**logged, "value": F.col("value"), "addressed": F.col("addressed")}
    declared = {of.name: of for of in datasets()}
    of_row = {name: F.col("data_set") == name for name in declared}
    elements_of = {f"{name} elements": elements(of, where=of_row[name]) for name, of in declared.items()}
    record_of = {f"{name} record": record(F.col(f"{name} elements")) for name in declared}
    names = {checks.NAMES: fields.names()}
    parsed = {f"{name} parsed": F.col(f"{name} record").isNotNull() for name in declared}
    texts = _merged(checks.texts(of, F.col(f"{name} record")) for name, of in declared.items())
    values = _merged(checks.values(of) for of in declared.values())
    verdict = {name: checks.verdict(of, F.col(f"{name} parsed")) for name, of in declared.items()}
    judged = {
        **{name: F.when(of_row[name], verdict[name]["content"]) for name in declared},
        "key": F.coalesce(*(F.when(of_row[name], verdict[name]["key"]) for name in declared)),
        "rules": F.coalesce(
            *(F.when(of_row[name], verdict[name]["rules"]) for name in declared),
            F.array(F.lit(UNKNOWN_TABLE.name)),
        ),
    }
    quarantined = {"raw": F.when(F.size("rules") > 0, raw_text())}
    steps = (
        _line(),
        {**line, **elements_of},
        {**line, **record_of},
        {**line, **names, **parsed, **texts},
        {**line, **_same(names), **_same(parsed), **_same(texts), **values},
        {**logged, "value": F.col("value"), **judged},
        {**logged, **_same(judged), **quarantined},
    )
    return tuple([column.alias(name) for name, column in step.items()] for step in steps)


def data_set(stream: Column, partition_key: Column) -> Column:
    """Return the data set of a record: by its stream's name, else by its partition key, else :data:`UNKNOWN`."""
    told = [(stream, _STREAM), (partition_key, _NUMBERED_KEY), (partition_key, _NAMED_KEY)]
    found = (F.nullif(F.regexp_extract(text, pattern, 1), F.lit("")) for text, pattern in told)
    return F.coalesce(*found, F.lit(UNKNOWN))


def utc_day(moment: Column) -> Column:
    """Return the UTC day of ``moment``, whatever the session's time zone."""
    return F.date_from_unix_date(F.floor(F.unix_seconds(moment) / _SECONDS_PER_DAY).cast("int"))


def _line() -> dict[str, Column]:
    """Return a record's line, data set, arrival and address, from the columns of the source."""
    arrival = F.col("approximateArrivalTimestamp")
    return {
        "data_set": data_set(F.col("stream"), F.col("partitionKey")),
        PARTITION: utc_day(arrival),
        "ingested_at": arrival,
        "stream": F.col("stream"),
        "shard": F.col("shardId"),
        "sequence_number": F.col("sequenceNumber"),
        "value": F.col("data").cast("string"),
        "addressed": F.lit(True),
    }


def _same(columns: Iterable[str]) -> dict[str, Column]:
    return {name: F.col(name) for name in columns}


def _merged(parts: Iterable[dict[str, Column]]) -> dict[str, Column]:
    return {name: column for part in parts for name, column in part.items()}
