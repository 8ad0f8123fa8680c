"""Post posts, as the users of the source would.

Reads posts (a pin with its place and its user) from the source database and posts them through the REST API, or
replays them as past days straight to the brokers. A run fails unless every record was accepted. The task `emulate`
returns a receipt: posts, requests, records and offsets by topic, the days that the records belong to, how many posts
`vanished` (their rows were deleted from the source meanwhile) and, for posts taken one after the other, `next_start`:
where the next run goes on.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from pinpipe_airflow.dag_defaults import ALERTED, ALERTED_ONCE, DEFAULT_ARGS, START_DATE
from pinpipe_airflow.operators.emulate_batch import EmulateBatchOperator
from pinpipe_airflow.operators.receipt import ProvisionedCheckOperator
from pinpipe_airflow.tags import Tag

from include.settings import settings

wanted = settings()

with DAG(
    dag_id="emulate_batch",
    description="Posts posts from the source database through the REST API, or replays past days.",
    doc_md=__doc__,
    schedule=wanted.emulate_batch_schedule,
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=4,
    dagrun_timeout=timedelta(hours=2),
    default_args=DEFAULT_ARGS,
    **(ALERTED_ONCE if wanted.emulate_batch_schedule else ALERTED),
    tags=[Tag.SOURCE, Tag.BATCH],
    # Numbers stay numbers, and an empty param stays None.
    render_template_as_native_obj=True,
    params={
        "posts": Param(
            500,
            type="integer",
            minimum=1,
            maximum=1_000_000,
            title="Posts",
            description="How many posts; each is three records. Of a replay: so many for each day.",
        ),
        "selection": Param(
            "random",
            type="string",
            enum=["random", "sequential"],
            values_display={"random": "random: any, with repeats", "sequential": "sequential: one after the other"},
            title="Which posts",
            section="Which posts",
            description="`random`: any posts, with repeats. `sequential`: one after the other, from `start` on.",
        ),
        "seed": Param(
            None,
            type=["null", "integer"],
            minimum=0,
            maximum=2**32 - 1,
            title="Seed",
            section="Which posts",
            description="Of `random`: the same seed takes the same posts; for example 42. Empty: one of the run's own.",
        ),
        "start": Param(
            None,
            type=["null", "integer"],
            # Post numbers have 64 bits and may be negative.
            minimum=-(2**63),
            maximum=2**63 - 1,
            title="First post",
            section="Which posts",
            description="Of `sequential`: number of the first post, for example the `next_start` that the run before "
            "has returned. Empty: the lowest.",
        ),
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Replayed day",
            description="Replay this UTC day straight to the brokers, today at the latest; for example 2026-01-31. "
            "Empty, and no `days`: post now, through the REST API.",
        ),
        "days": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=366,
            title="Replayed days",
            description="Replay so many days, the last of which is `day`, or yesterday where that is empty; for "
            "example 30. Empty: `day` alone.",
        ),
    },
):
    provisioned = ProvisionedCheckOperator(task_id="provisioned", bucket=wanted.bucket, aws_conn_id=wanted.aws_conn_id)
    emulate = EmulateBatchOperator(
        task_id="emulate",
        rest_api_name=wanted.pipeline_id,
        api_stage=wanted.api_stage,
        api_url_format=wanted.api_url_format,
        topics=wanted.topics,
        posts="{{ params.posts }}",
        selection="{{ params.selection }}",
        seed="{{ params.seed }}",
        start="{{ params.start }}",
        day="{{ params.day }}",
        days="{{ params.days }}",
        in_flight=wanted.emulate_in_flight,
        aws_conn_id=wanted.aws_conn_id,
        region_name=wanted.region,
        api_conn_id=wanted.api_conn_id,
        source_conn_id=wanted.source_conn_id,
        kafka_conn_id=wanted.kafka_conn_id,
        execution_timeout=timedelta(hours=1),
    )

    provisioned >> emulate
