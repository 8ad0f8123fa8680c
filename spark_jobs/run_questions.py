"""Job ``run_questions``: answers all questions from the serving views, one Delta table each, then writes a receipt."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from botocore.config import Config
from pyspark.sql import SparkSession

from include import layout
from include.questions import QUESTIONS, SERVING_VIEWS, Question, view_sources, view_sql
from spark_jobs import tables
from spark_jobs.aws_session import add_arguments, aws_session
from spark_jobs.driver_log import log_to_driver
from spark_jobs.receipts import put_receipt

JOB = "run_questions"
SAMPLES_PER_RULE = 3
SAMPLE_CHARACTERS = 300

_TIMEOUTS = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})
_SIDE_BY_SIDE = 5  # planning and committing wait more than they compute

_ASKED = {
    "pin": ("ind", "category", "poster_name", "follower_count"),
    "geo": ("ind", "country", "timestamp"),
    "user": ("ind", "user_name", "age", "date_joined"),
}
_SNAPSHOT = "asked_"  # prefix of the temporary views that hold these columns

_SAMPLES = f"""
WITH broken AS (
  SELECT data_set, EXPLODE(rules) AS rule, key, raw, ingest_date, topic, partition, offset FROM batch.quarantine
),
ranked AS (
  SELECT
    data_set, rule, SUBSTRING(key, 1, {SAMPLE_CHARACTERS}) AS key,
    SUBSTRING(raw, 1, {SAMPLE_CHARACTERS}) AS raw, LENGTH(raw) AS characters, ingest_date,
    ROW_NUMBER() OVER (
      PARTITION BY data_set, rule ORDER BY ingest_date DESC, topic, partition, offset, raw
    ) AS sample
  FROM broken
)
SELECT data_set, rule, CAST(ingest_date AS string) AS day, key, raw, characters FROM ranked
WHERE sample <= {SAMPLES_PER_RULE} ORDER BY data_set, rule, sample
"""  # nosec B608 # noqa: S608 - constants only

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job with the command line's arguments."""
    options = _options(arguments)
    log_to_driver()
    started = datetime.now(UTC)
    spark = SparkSession.builder.appName(f"{options.pipeline_id} {JOB}").getOrCreate()
    result = run_questions(spark, options.lake, options.catalog)
    receipt = {
        "job": JOB,
        "run_id": options.run_id,
        "inputs": options.inputs,
        "started_at": started.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        **result,
    }
    s3 = aws_session(options.region, options.service_credential).client("s3", config=_TIMEOUTS)
    key = put_receipt(s3, options.bucket, JOB, None, receipt)
    log.info("%d questions answered on %s; receipt s3://%s/%s", len(QUESTIONS), result["counts"], options.bucket, key)


def run_questions(spark: SparkSession, lake: str, catalog: str = "") -> dict[str, Any]:
    """Answer all questions and replace the table of each answer.

    :param lake: root of the Delta tables.
    :param catalog: catalog in which the tables of the answers are registered, and in which ``create_tables`` has
        registered what they are answered from; empty: all of it is known by its paths.
    :return: the receipt's ``answers``, ``counts`` and ``quarantine_samples``.
    :raises spark_jobs.tables.TableSchemaError: when a table is not there as declared; nothing is published.
    :raises ValueError: without a catalog on Databricks, where the session's own is the workspace's: another pipeline's
        tables of the same names would be asked, and its views replaced.
    """
    # Years are those of the session's time zone; the data's are UTC.
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    if catalog:
        require_all(spark, lake)
        spark.catalog.setCurrentCatalog(catalog)
    elif tables.on_databricks():
        raise ValueError("no catalog is named: set databricks_catalog, and run the DAG provision")
    else:
        register(spark, lake)
    with _snapshot(spark):
        counts = _counts(spark)
        log.info("rows: %s", counts)
        answers = _side_by_side(lambda question: _answer(spark, question, lake, catalog), QUESTIONS)
        return {
            "answers": dict(zip((question.id for question in QUESTIONS), answers, strict=True)),
            "counts": counts,
            "quarantine_samples": quarantine_samples(spark),
        }


def require_all(spark: SparkSession, lake: str) -> None:
    """See that every table is there that is read, with all of its columns; ``create_tables`` adds those.

    :param lake: root of the Delta tables.
    :raises spark_jobs.tables.TableSchemaError: names those that are not.
    """
    _require_all_columns(_missing_columns(spark, lake).items())


def register(spark: SparkSession, lake: str) -> None:
    """Make ``batch.*``, ``speed.*`` and the ``serving`` views known to the session, whose catalog nobody else has.

    :param lake: root of the Delta tables.
    :raises spark_jobs.tables.TableSchemaError: when a table is not there as declared.
    """
    # Declaring a table at a place that holds none would make an empty one without columns there.
    missing = _missing_columns(spark, lake)
    for schema in (*layout.LAYERS, layout.SERVING):
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    for (layer, name), columns in missing.items():
        path = layout.table_path(lake, layer, name)
        if columns:  # its writer has not been at work since they were declared
            selected = ", ".join(
                f"CAST(NULL AS {type_name}) AS `{column}`" if (column, type_name) in columns else f"`{column}`"
                for column, type_name in tables.columns(layer, name)
            )
            spark.sql(f"CREATE OR REPLACE VIEW {layer}.{name} AS SELECT {selected} FROM delta.`{path}`")  # nosec B608 # noqa: S608
        else:
            spark.sql(f"CREATE TABLE IF NOT EXISTS {layer}.{name} USING delta LOCATION '{path}'")
    for view in SERVING_VIEWS:
        spark.sql(f"CREATE OR REPLACE VIEW serving.{view} AS {view_sql(view)}")


def _missing_columns(spark: SparkSession, lake: str) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Return what each table that is read lacks, by layer and name."""
    wanted = tuple(dict.fromkeys(source for view in SERVING_VIEWS for source in view_sources(view)))
    missing = _side_by_side(lambda table: tables.missing_columns(spark, lake, *table), wanted)
    return dict(zip(wanted, missing, strict=True))


def _require_all_columns(missing: Iterable[tuple[tuple[str, str], Sequence[tuple[str, str]]]]) -> None:
    """See that no table lacks columns: a view in its place would stay in the catalog.

    :param missing: tables, each with the columns that it lacks.
    """
    lacking = [
        f"{layer}.{name} lacks {', '.join(column for column, _ in columns)}"
        for (layer, name), columns in missing
        if columns
    ]
    if lacking:
        raise tables.TableSchemaError(f"{'; '.join(lacking)}: run the DAG provision, which adds it")


def quarantine_samples(spark: SparkSession) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return a few quarantined rows by data set and rule, of the newest days first, their texts cut.

    Each is ``{"day", "key", "raw", "characters"}``, the last of the whole line; a row that breaks several rules is a
    sample of each.
    """
    samples: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in spark.sql(_SAMPLES).collect():
        sample = {"day": row.day, "key": row.key, "raw": row.raw, "characters": row.characters}
        samples.setdefault(row.data_set, {}).setdefault(row.rule, []).append(sample)
    return samples


@contextmanager
def _snapshot(spark: SparkSession) -> Iterator[None]:
    """Keep what the questions ask of each serving view, and no long text beside it, as temporary views.

    So the views are computed once instead of nineteen times, and all answers are of the same state, even if a day is
    replaced meanwhile.
    """
    with ExitStack() as storage:

        def keep(view: str) -> None:
            kept = spark.table(f"serving.{view}").select(*_ASKED[view]).persist()
            storage.callback(kept.unpersist)
            kept.createOrReplaceTempView(f"{_SNAPSHOT}{view}")

        _side_by_side(keep, SERVING_VIEWS)  # each plan reads the logs of three tables
        yield


def _counts(spark: SparkSession) -> dict[str, dict[str, int]]:
    named = {("serving", view): f"{_SNAPSHOT}{view}" for view in SERVING_VIEWS}
    named |= {("batch", name): f"batch.{name}" for name in (*SERVING_VIEWS, "quarantine")}
    counts: dict[str, dict[str, int]] = {}
    rows = _side_by_side(lambda table: spark.table(table).count(), named.values())
    for (layer, name), number in zip(named, rows, strict=True):
        counts.setdefault(layer, {})[name] = number
    return counts


def _answer(spark: SparkSession, question: Question, lake: str, catalog: str) -> dict[str, Any]:
    """Answer a question, replace its table in one commit, and return the answer as the receipt holds it."""
    # Kept, so that table and receipt hold the same rows without asking twice. Rows handed back to Spark from Python
    # would do so too, but start a Python worker each.
    answer = spark.sql(question.sql_over(_SNAPSHOT)).coalesce(1).persist()
    try:
        path = layout.table_path(lake, layout.ANSWERS, question.table)
        writer = answer.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        writer = writer.options(**tables.READABLE_BY_ALL)
        if catalog:  # at the same path, so that readers who know no catalog find it too
            writer.option("path", path).saveAsTable(f"`{catalog}`.{layout.ANSWERS}.{question.table}")
        else:
            writer.save(path)
        return {
            "columns": answer.columns,
            "types": [type_name for _, type_name in answer.dtypes],
            "rows": [list(row) for row in answer.collect()],
        }
    finally:
        answer.unpersist()


def _side_by_side[T, R](work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return ``work(item)`` of every item, in their order; the first error is raised once all have ended."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return list(pool.map(work, items))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=JOB, description=__doc__)
    parser.add_argument("--bucket", required=True, help="bucket of the receipt")
    parser.add_argument("--lake", required=True, help="root of the Delta tables, such as s3://<bucket>/delta")
    parser.add_argument("--pipeline-id", required=True, help="names the Spark application")
    parser.add_argument("--run-id", required=True, help="names the run in the receipt")
    parser.add_argument("--catalog", default="", help="catalog that knows the tables; without one, their paths do")
    parser.add_argument("--inputs", required=True, help="fingerprint of the inputs, for the receipt")
    add_arguments(parser)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
