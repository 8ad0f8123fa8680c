"""Job ``run_questions``: answers all questions from the serving views, one Delta table each, then its receipt.

The answers come from one snapshot: each serving view is computed once and kept for all questions, so a day that is
being replaced beside this job cannot give half of the answers an older state than the other half.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from include import layout
from include.questions import QUESTIONS, SERVING_VIEWS, Question, view_sources, view_sql

JOB = "run_questions"
SAMPLES_PER_RULE = 3
SAMPLE_CHARACTERS = 300

# A Delta commit waits more than it works: eight side by side take hardly longer than one.
_SIDE_BY_SIDE = 8

_SAMPLES = f"""
WITH broken AS (
  SELECT data_set, EXPLODE(rules) AS rule, key, raw, ingest_date, topic, partition, offset FROM batch.quarantine
),
ranked AS (
  SELECT
    data_set, rule, key, SUBSTRING(raw, 1, {SAMPLE_CHARACTERS}) AS raw, ingest_date,
    ROW_NUMBER() OVER (
      PARTITION BY data_set, rule ORDER BY ingest_date DESC, topic, partition, offset, raw
    ) AS sample
  FROM broken
)
SELECT data_set, rule, CAST(ingest_date AS string) AS day, key, raw FROM ranked
WHERE sample <= {SAMPLES_PER_RULE} ORDER BY data_set, rule, sample
"""  # noqa: S608 - constants only

log = logging.getLogger(__name__)


class TableMissingError(LookupError):
    """A Delta table that the questions are asked of does not exist."""


def register(spark: SparkSession, lake: str) -> None:
    """Make ``batch.*``, ``speed.*`` and the ``serving`` views known to the session, where its catalog lacks them.

    :param lake: root of the Delta tables.
    :raises TableMissingError: names each table that does not exist. Declaring it all the same would make an empty
        Delta table without columns there.
    """
    paths = {
        source: layout.table_path(lake, *source)
        for source in dict.fromkeys(source for view in SERVING_VIEWS for source in view_sources(view))
    }
    exists = _side_by_side(lambda path: DeltaTable.isDeltaTable(spark, path), paths.values())
    missing = [path for path, found in zip(paths.values(), exists, strict=True) if not found]
    if missing:
        raise TableMissingError(f"no Delta table at {', '.join(missing)}: `pinpipe run provision` makes them")
    for schema in (*layout.LAYERS, "serving"):
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    _side_by_side(
        lambda table: spark.sql(
            f"CREATE TABLE IF NOT EXISTS {'.'.join(table)} USING delta LOCATION '{paths[table]}'"
        ),
        paths,
    )
    for view in SERVING_VIEWS:
        spark.sql(f"CREATE OR REPLACE VIEW serving.{view} AS {view_sql(view)}")


def answer_all(spark: SparkSession, lake: str) -> dict[str, dict[str, Any]]:
    """Answer every question of the registered views and replace each answer's table atomically.

    :param lake: root of the Delta tables.
    :return: the answer as the receipt holds it (columns, types, rows), by question id.
    """

    def answer(question: Question) -> dict[str, Any]:
        # Kept, so that table and receipt hold the same rows without asking twice.
        rows = spark.sql(question.sql).coalesce(1).persist()
        try:
            path = layout.table_path(lake, "answers", question.table)
            rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(path)
            return {
                "columns": rows.columns,
                "types": [kind for _, kind in rows.dtypes],
                "rows": [list(row) for row in rows.collect()],
            }
        finally:
            rows.unpersist()

    return dict(zip((question.id for question in QUESTIONS), _side_by_side(answer, QUESTIONS), strict=True))


def quarantine_samples(spark: SparkSession) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return a few quarantined rows by data set and rule, of the newest days first, their raw text cut."""
    samples: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in spark.sql(_SAMPLES).collect():
        of_rule = samples.setdefault(row.data_set, {}).setdefault(row.rule, [])
        of_rule.append({"day": row.day, "key": row.key, "raw": row.raw})
    return samples


def counts(spark: SparkSession) -> dict[str, dict[str, int]]:
    """Return the rows of the serving views and of the batch tables."""
    tables = [("serving", view) for view in SERVING_VIEWS] + [("batch", name) for name in (*SERVING_VIEWS, "quarantine")]
    counted: dict[str, dict[str, int]] = {}
    rows = _side_by_side(lambda table: spark.table(".".join(table)).count(), tables)
    for (layer, name), number in zip(tables, rows, strict=True):
        counted.setdefault(layer, {})[name] = number
    return counted


def run(spark: SparkSession, lake: str) -> dict[str, Any]:
    """Answer all questions and publish the answers.

    :param lake: root of the Delta tables.
    :return: the receipt's ``answers``, ``counts`` and ``quarantine_samples``.
    """
    # Years are those of the session's time zone; the data's are UTC.
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    register(spark, lake)
    kept = [spark.table(f"serving.{view}").persist() for view in SERVING_VIEWS]
    try:
        counted = counts(spark)
        log.info("rows: %s", counted)
        return {
            "answers": answer_all(spark, lake),
            "counts": counted,
            "quarantine_samples": quarantine_samples(spark),
        }
    finally:
        for view in kept:
            view.unpersist()


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the job: answers, publishes, and writes the receipt last."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    given = _parser().parse_args(arguments)
    started = datetime.now(UTC)
    spark = SparkSession.builder.appName(f"{given.pipeline_id}-{JOB}").getOrCreate()
    result = run(spark, given.lake)
    receipt = {
        "job": JOB,
        "run_id": given.run_id,
        "inputs": given.inputs,
        "started_at": started.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        **result,
    }
    key = layout.receipt_key(JOB)
    store = boto3.client("s3", config=Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard"}))
    store.put_object(
        Bucket=given.bucket,
        Key=key,
        Body=json.dumps(receipt, ensure_ascii=False).encode(),
        ContentType="application/json",
    )
    log.info("%d questions answered: s3://%s/%s", len(QUESTIONS), given.bucket, key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=JOB, description=__doc__)
    parser.add_argument("--bucket", required=True, help="bucket of the receipt")
    parser.add_argument("--lake", required=True, help="root of the Delta tables, e.g. s3://bucket/delta")
    parser.add_argument("--pipeline-id", required=True, help="names the Spark application")
    parser.add_argument("--run-id", required=True, help="run that asked, for the receipt")
    parser.add_argument("--inputs", required=True, help="fingerprint of the inputs, for the receipt")
    return parser


def _side_by_side[T, R](work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return ``work(item)`` of all items, in their order; the first error is raised after all have ended."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return list(pool.map(work, items))


if __name__ == "__main__":
    main()
