"""Post posts at a steady rate, as the users of the source would while it is used.

Reads posts (a pin with its place and its user) from the source database and puts them into the Kinesis streams through
the REST API: a request for each record, or for up to `records_per_request` of them where much is to be sent. It may
run beside `emulate_batch`. Requests that the API or a stream throttles are sent again; a run fails unless every record
was accepted. To stop it, mark the task `emulate` as failed: it ends within two seconds after Airflow has told it, which
takes Airflow up to five, and its log says what was sent.

The task `emulate` returns a receipt: posts, requests, the rate that was kept, records by stream (accepted, failed, or
unanswered: they may have arrived), what was sent again and why, the first failed records by name, first and last
sequence number by shard, and, for posts taken one after the other, `next_start`: where the next run goes on.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from pinpipe_airflow.dag_defaults import ALERTED, DEFAULT_ARGS, START_DATE
from pinpipe_airflow.operators.emulate_stream import EmulateStreamOperator
from pinpipe_airflow.operators.receipt import ProvisionedCheckOperator
from pinpipe_airflow.tags import Tag

from include.settings import settings

wanted = settings()

with DAG(
    dag_id="emulate_stream",
    description="Posts posts from the source database through the REST API into the Kinesis streams, at a steady rate.",
    doc_md=__doc__,
    schedule=None,
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=4,
    dagrun_timeout=timedelta(hours=6),
    default_args=DEFAULT_ARGS,
    **ALERTED,
    tags=[Tag.SOURCE, Tag.STREAM],
    # Numbers stay numbers, and an empty param stays None.
    render_template_as_native_obj=True,
    params={
        "rate": Param(
            10,
            type="number",
            minimum=0.1,
            maximum=5_000,
            title="Posts per second",
            description="Each post is three records.",
        ),
        "duration_s": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=18_000,
            title="Seconds",
            description="How long to post; for example 600. Empty, with `posts` empty too: 60.",
        ),
        "posts": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=10_000_000,
            title="Posts",
            description="How many posts, instead of `duration_s`; for example 1000. Empty: until `duration_s` is over.",
        ),
        "records_per_request": Param(
            1,
            type="integer",
            minimum=1,
            maximum=500,
            title="Records per request",
            description="Most records in one request. 1: one record per request, as users do.",
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
    },
):
    provisioned = ProvisionedCheckOperator(task_id="provisioned", bucket=wanted.bucket, aws_conn_id=wanted.aws_conn_id)
    emulate = EmulateStreamOperator(
        task_id="emulate",
        rest_api_name=wanted.pipeline_id,
        api_stage=wanted.api_stage,
        api_url_format=wanted.api_url_format,
        api_rate_limit=wanted.api_rate_limit,
        streams=wanted.streams,
        rate="{{ params.rate }}",
        posts="{{ params.posts }}",
        duration_s="{{ params.duration_s }}",
        records_per_request="{{ params.records_per_request }}",
        selection="{{ params.selection }}",
        seed="{{ params.seed }}",
        start="{{ params.start }}",
        in_flight=wanted.emulate_stream_in_flight,
        aws_conn_id=wanted.aws_conn_id,
        region_name=wanted.region,
        api_conn_id=wanted.api_conn_id,
        source_conn_id=wanted.source_conn_id,
        execution_timeout=timedelta(hours=5, minutes=30),
    )

    provisioned >> emulate
