"""Reads answers and tables without Spark: duckdb over the Delta tables' files.

Answers are computed from the serving views at the moment of asking, so they are never behind the tables; what the
analytics job published last is layer ``answers``.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from typing import Any, cast
from urllib.parse import urlsplit

import boto3
import duckdb
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from include import layout, table_columns
from include.questions import QUESTIONS, SERVING_VIEWS, question, view_sources, view_sql
from include.settings import settings

_ANSWERS = tuple(candidate.table for candidate in QUESTIONS)
TABLES = {
    "serving": SERVING_VIEWS,
    "batch": layout.BATCH_TABLES,
    "speed": layout.BATCH_TABLES,
    "answers": _ANSWERS,
}

# A day is read in the order of its keys; a table without a key of its own by all its columns.
_ORDER = {
    "pin": "ingest_date, ind, unique_id, ingested_at",
    "geo": "ingest_date, ind, ingested_at",
    "user": "ingest_date, ind, ingested_at",
    "quarantine": "ingest_date, data_set, key, ingested_at",
}


class TableMissingError(LookupError):
    """A Delta table or its bucket does not exist yet; the message names the DAG that makes it."""


def answer(question_id: str, *, lake: str | None = None) -> Any:
    """Return the answer to a question, computed now from the serving views.

    :param question_id: id of the question, in any case of letters.
    :param lake: root of the Delta tables; default: the settings'.
    :return: a ``pyarrow.Table`` with the question's columns, sorted by all of them.
    :raises LookupError: when there is no such question.
    :raises TableMissingError: when the tables do not exist yet.
    """
    asked = question(question_id)
    with connect(SERVING_VIEWS, lake=lake) as connection:
        return connection.sql(asked.sql).to_arrow_table()


def table(
    name: str, layer: str = "serving", day: date | None = None, *, limit: int | None = None, lake: str | None = None
) -> Any:
    """Return the rows of a table or serving view.

    :param name: one of ``TABLES[layer]``.
    :param layer: ``serving``, ``batch``, ``speed`` or ``answers``.
    :param day: only rows of this ``ingest_date`` (UTC).
    :param limit: only the first so many rows.
    :param lake: root of the Delta tables; default: the settings'.
    :return: a ``pyarrow.Table``, sorted by day and key; answers by all columns.
    :raises LookupError: when there is no such layer or table.
    :raises ValueError: when a day is asked of the answers, which have none.
    :raises TableMissingError: when the table does not exist yet.
    """
    with _opened(name, layer, lake) as connection:
        rows = f"SELECT * FROM {layer}.{name} {_of_day(layer, day)} ORDER BY {_ORDER.get(name, 'ALL')}"  # nosec B608 # noqa: S608
        if limit is not None:
            rows += f" LIMIT {int(limit)}"
        return connection.sql(rows).to_arrow_table()


def count(name: str, layer: str = "serving", day: date | None = None, *, lake: str | None = None) -> int:
    """Return the number of rows that :func:`table` would give without a limit; parameters and errors as there."""
    with _opened(name, layer, lake) as connection:
        counted = connection.sql(f"SELECT COUNT(*) FROM {layer}.{name} {_of_day(layer, day)}")  # nosec B608 # noqa: S608
        return cast(int, counted.fetchall()[0][0])


def connect(
    views: Iterable[str] = (), tables: Iterable[tuple[str, str]] = (), *, lake: str | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a duckdb connection that sees Delta tables as ``batch.*``, ``speed.*``, ``answers.*`` and ``serving.*``.

    Columns declared since a table was made, which its writer has not added yet, are NULL.

    :param views: serving views to make, with the tables below them.
    :param tables: further tables as (layer, name).
    :param lake: root of the Delta tables; default: the settings'.
    :raises TableMissingError: when one of the tables does not exist yet.
    :raises OSError: when S3 does not answer, or refuses.
    """
    root = lake or settings().lake_root
    views = tuple(views)
    wanted = dict.fromkeys([*tables, *(source for view in views for source in view_sources(view))])
    datasets = {source: _dataset(root, *source) for source in wanted}
    connection = duckdb.connect()
    # Years and days are UTC's, whatever zone this machine is in.
    connection.execute("SET TimeZone = 'UTC'")
    for schema in TABLES:
        connection.execute(f"CREATE SCHEMA {schema}")
    for (layer, name), dataset in datasets.items():
        source = f"{layer}_{name}"
        connection.register(source, dataset)
        columns = ", ".join(["*", *lacking(layer, name, dataset.schema.names)])
        connection.execute(f"CREATE VIEW {layer}.{name} AS SELECT {columns} FROM {source}")  # nosec B608 # noqa: S608
    for view in views:
        connection.execute(f"CREATE VIEW serving.{view} AS {view_sql(view)}")
    return connection


def columns(layer: str, name: str, *, lake: str | None = None) -> list[str]:
    """Return the columns that a Delta table has now.

    :param lake: root of the Delta tables; default: the settings'.
    :raises TableMissingError: when the table does not exist yet.
    :raises OSError: when S3 does not answer, or refuses.
    """
    return list(_dataset(lake or settings().lake_root, layer, name).schema.names)


def lacking(layer: str, name: str, present: Collection[str]) -> Iterator[str]:
    """Yield what to select for each declared column that a table lacks, which its writer has not added yet.

    :param present: the columns that the table has.
    """
    declared = table_columns.columns(layer, name) if layer in layout.LAYERS else ()
    for column, type_name in declared:
        if column not in present:
            yield f'CAST(NULL AS {_duckdb_type(type_name)}) AS "{column}"'


def storage_options() -> dict[str, str]:
    """Return where and how S3 is reached, from the variables that botocore reads too; credentials come by themselves.

    A dead endpoint is given up after seconds: the store's own default is to retry for three minutes.
    """
    options = {"connect_timeout": "5s", "timeout": "60s", "max_retries": "3", "retry_timeout": "15s"}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        options |= {"aws_endpoint_url": endpoint, "aws_virtual_hosted_style_request": "false"}
        if endpoint.startswith("http://"):
            options["aws_allow_http"] = "true"
    options["aws_region"] = os.environ.get("AWS_DEFAULT_REGION") or settings().region
    return options


def _opened(name: str, layer: str, lake: str | None) -> duckdb.DuckDBPyConnection:
    if layer not in TABLES:
        raise LookupError(f"no layer {layer!r}: there are {', '.join(TABLES)}")
    if name not in TABLES[layer]:
        others = [other for other in TABLES if name in TABLES[other]]
        elsewhere = f"; `--layer {others[0]}` has it" if others else ""
        raise LookupError(f"no table {name!r} in layer {layer}: there are {', '.join(TABLES[layer])}{elsewhere}")
    return connect([name], lake=lake) if layer == "serving" else connect(tables=[(layer, name)], lake=lake)


def _duckdb_type(spark_type: str) -> str:
    if spark_type.startswith("array<"):
        return f"{_duckdb_type(spark_type.removeprefix('array<').removesuffix('>'))}[]"
    return "TIMESTAMPTZ" if spark_type == "timestamp" else spark_type


def _of_day(layer: str, day: date | None) -> str:
    if day is None:
        return ""
    if layer == "answers":
        raise ValueError(f"answers are over all days: leave out day {day}")
    return f"WHERE ingest_date = DATE '{day.isoformat()}'"


def _dataset(root: str, layer: str, name: str) -> Any:
    path = layout.table_path(root, layer, name)
    in_s3 = path.startswith("s3")
    try:
        return DeltaTable(path, storage_options=storage_options() if in_s3 else None).to_pyarrow_dataset()
    except TableNotFoundError as error:
        dag = "analytics" if layer == "answers" else "provision"
        raise TableMissingError(
            f"there is no Delta table {layer}.{name} at {path} yet: `pinpipe run {dag}` makes it"
        ) from error
    except OSError as error:
        if in_s3:
            _check_bucket(urlsplit(path).netloc, error)
        raise


def _check_bucket(bucket: str, error: OSError) -> None:
    """Raise what the Delta reader's network error means, where S3 itself can tell."""
    s3 = boto3.client("s3", config=Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 1}))
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as refused:
        if refused.response["Error"]["Code"] == "404":
            raise TableMissingError(f"there is no bucket {bucket} yet: `pinpipe run provision` makes it") from error
        raise PermissionError(f"S3 refuses bucket {bucket} ({refused}): check the AWS credentials") from error
    except BotoCoreError as unreachable:
        raise ConnectionError(f"S3 does not answer ({unreachable}): `pinpipe up` starts it locally") from error
