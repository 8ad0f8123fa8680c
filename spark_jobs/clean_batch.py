"""Job ``clean_batch``: cleans one day of raw objects into the batch layer, then writes its receipt."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Sequence
from datetime import date
from math import inf

from botocore.config import Config
from pyspark.sql import SparkSession

from spark_jobs.aws_session import add_arguments, aws_session
from spark_jobs.day_cleaning import JOB, Day, clean_day
from spark_jobs.driver_log import log_to_driver
from spark_jobs.expectations import DAYS_COMPARED, Tolerance, comparable
from spark_jobs.missing_raw import (
    ACCEPT,
    REFUSE,
    UNKNOWN_MANIFEST,
    manifest_of,
    refuse_or_accept,
    refuse_or_accept_emptiness,
    rows_read,
)
from spark_jobs.quarantined_share import QuarantineLimit
from spark_jobs.raw_objects import list_day
from spark_jobs.receipts import get_receipt, last_receipts, put_receipt

_TIMEOUTS = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the job with the command line's arguments."""
    options = parse(arguments)
    log_to_driver()
    s3 = aws_session(options.region, options.service_credential).client("s3", config=_TIMEOUTS)
    spark = SparkSession.builder.appName(f"{JOB} {options.day}").getOrCreate()
    # Listed after the session is up: the younger the list, the fewer the objects that come too late for this run.
    objects = list(list_day(s3, options.bucket, options.pipeline_id, options.day))
    last_receipt = get_receipt(s3, options.bucket, JOB, options.day, manifest_of, UNKNOWN_MANIFEST)
    refuse_or_accept(options.missing_raw, options.day, last_receipt, objects)
    if last_receipt is None and not objects:
        read_before = rows_read(spark, options.lake, options.day)
        refuse_or_accept_emptiness(options.missing_raw, options.day, read_before)
    compared = last_receipts(s3, options.bucket, JOB, options.day, DAYS_COMPARED, comparable)
    receipt = clean_day(spark, day_of(options), objects, compared)
    key = put_receipt(s3, options.bucket, JOB, options.day, receipt)
    log.info("day %s: %s; receipt s3://%s/%s", options.day, receipt["data_sets"], options.bucket, key)


def day_of(options: argparse.Namespace) -> Day:
    """Return what is to be cleaned, and how."""
    return Day(
        day=options.day,
        root=f"s3://{options.bucket}",
        lake=options.lake,
        pipeline_id=options.pipeline_id,
        superseded_share=options.superseded_share,
        run_id=options.run_id,
        quarantine_limit=QuarantineLimit(
            share=options.max_quarantined_share,
            rows=options.quarantined_rows_allowed,
            choice=options.too_many_quarantined,
        ),
        tolerance=Tolerance(
            rows_low=options.expected_rows_low,
            rows_high=options.expected_rows_high,
            share_change=options.expected_share_change,
            unknown_share=options.expected_unknown_share,
            superseded_share=options.superseded_share,
        ),
    )


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options that the command line's arguments give."""
    parser = argparse.ArgumentParser(prog=JOB, description=__doc__)
    parser.add_argument("--day", required=True, type=_day, help="UTC day to clean, YYYY-MM-DD")
    parser.add_argument("--bucket", required=True, help="bucket of raw objects and receipts")
    parser.add_argument("--lake", required=True, help="root of the Delta tables, such as s3://<bucket>/delta")
    parser.add_argument("--pipeline-id", required=True, help="the <id> of the topics' names")
    parser.add_argument("--superseded-share", type=_share, default=0.05, help="share above which a day gets a warning")
    parser.add_argument(
        "--missing-raw",
        choices=(REFUSE, ACCEPT),
        default=REFUSE,
        help="what to do where raw objects are gone that the last cleaning of the day has read",
    )
    parser.add_argument(
        "--max-quarantined-share", type=_share, default=1.0, help="largest share of a data set's rows in quarantine"
    )
    parser.add_argument(
        "--quarantined-rows-allowed", type=int, default=0, help="rows in quarantine that are allowed whatever the share"
    )
    parser.add_argument(
        "--too-many-quarantined",
        choices=(REFUSE, ACCEPT),
        default=REFUSE,
        help="what to do with a day of which more is to be quarantined",
    )
    parser.add_argument(
        "--expected-rows-low", type=float, default=0.0, help="least rows expected, as a multiple of the last days'"
    )
    parser.add_argument(
        "--expected-rows-high", type=float, default=inf, help="most rows expected, as a multiple of the last days'"
    )
    parser.add_argument(
        "--expected-share-change", type=_share, default=1.0, help="how far shares are expected from the last days'"
    )
    parser.add_argument(
        "--expected-unknown-share", type=_share, default=1.0, help="largest share expected of unknown values"
    )
    parser.add_argument("--run-id", required=True, help="names the run in receipt, metrics and table history")
    add_arguments(parser)
    return parser.parse_args(arguments)


def _day(text: str) -> str:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a day: give it as YYYY-MM-DD")
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day: {error}") from None


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share: give a number from 0 to 1") from None
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share: give a number from 0 to 1")
    return share


if __name__ == "__main__":
    main()
