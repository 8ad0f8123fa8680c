"""Clean one day.

Waits until the sink has stored what the topics hold, has Databricks clean the raw objects of the day into the batch
layer, and checks the job's receipt. A day can be cleaned any number of times, in any order: it is replaced as a whole.

- **Which day**: the param `day`; else, in scheduled and backfill runs, the UTC day of the data interval; else today.
- **When**: scheduled runs begin some minutes after midnight (`settle_minutes`).
- **Late days**: a scheduled run also looks at the days before its own (`late_window_days`) and triggers a run for each
  with raw objects that its last cleaning did not read: because they came late, or because there was no cleaning. A day
  whose broken rows were accepted is cleaned so again.
- **Too many broken rows**: where more of the day than `max_quarantined_share` breaks rules, the task `clean` fails,
  names rules and rows, and the day stays as it was (`too_many_quarantined`).

Backfills, of which Airflow runs one at a time: *Trigger* → *Backfill* in the UI, or
`airflow backfill create --dag-id clean_batch --from-date A --to-date B --reprocess-behavior completed`. A backfill that
reprocesses `failed` runs mends failed days alone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, CronDataIntervalTimetable, Param, task
from pinpipe_airflow.assets import DELTA_BATCH
from pinpipe_airflow.dag_defaults import ALERTED, DEFAULT_ARGS, RUN_NOW, START_DATE
from pinpipe_airflow.daily_deadline import daily_deadline
from pinpipe_airflow.operators.databricks_run import RunDayJobOperator
from pinpipe_airflow.operators.receipt import ProvisionedCheckOperator, ReceiptCheckOperator
from pinpipe_airflow.sensors.sink import SinkCommittedSensor
from pinpipe_airflow.tags import Tag

from include.settings import settings

wanted = settings()

with DAG(
    dag_id="clean_batch",
    description="Cleans one day of raw objects into the batch layer.",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=3,
    dagrun_timeout=timedelta(hours=6),
    default_args=DEFAULT_ARGS,
    **ALERTED,
    tags=[Tag.BATCH],
    params={
        "day": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="UTC day to clean, today at the latest; for example 2026-01-31. Empty: the day of the data "
            "interval in scheduled and backfill runs, else today. Not allowed in a backfill.",
        ),
        "missing_raw": Param(
            "refuse",
            type="string",
            enum=["refuse", "accept"],
            values_display={"refuse": "refuse: fail, change nothing", "accept": "accept: clean the rest"},
            title="Raw objects that are gone",
            section="If the day is not as expected",
            description="Where raw objects are gone that the last cleaning of the day has read, such as by their "
            "retention: `refuse` fails and changes nothing, `accept` cleans the rest, and the day loses their rows.",
        ),
        "too_many_quarantined": Param(
            "refuse",
            type="string",
            enum=["refuse", "accept"],
            values_display={"refuse": "refuse: fail, change nothing", "accept": "accept: quarantine them"},
            title="Too many broken rows",
            section="If the day is not as expected",
            description="Where a larger share of the day's rows breaks rules than the settings allow: `refuse` fails "
            "and changes nothing, `accept` cleans the rest and quarantines them.",
        ),
    },
) as dag:
    provisioned = ProvisionedCheckOperator(task_id="provisioned", bucket=wanted.bucket, aws_conn_id=wanted.aws_conn_id)

    @task(multiple_outputs=True)
    def resolve_day(params: Any = None, dag_run: Any = None) -> dict[str, str | None]:
        """Return the run's day and the moment before which the sink is not asked."""
        from airflow.sdk.exceptions import AirflowFailException
        from pinpipe_airflow.cleaning_day import day_of_run

        try:
            return day_of_run(dag_run, params["day"], settings().settle_minutes)
        except ValueError as refused:
            raise AirflowFailException(str(refused)) from refused  # another try would be refused too

    resolved = resolve_day()
    wait_for_sink = SinkCommittedSensor(
        task_id="wait_for_sink",
        connector=wanted.sink_connector,
        topics=list(wanted.topics.values()),
        not_before=resolved["not_before"],
        kafka_conn_id=wanted.kafka_conn_id,
        kafka_connect_conn_id=wanted.sink_status_conn_id,
        stores="json_objects",
        timeout=wanted.sink_timeout_s,
    )
    # After the sink, which is where dead letters come from.
    wait_for_dead_letters = SinkCommittedSensor(
        task_id="wait_for_dead_letters",
        connector=wanted.dead_letter_connector,
        topics=[wanted.dead_letter_topic],
        kafka_conn_id=wanted.kafka_conn_id,
        kafka_connect_conn_id=wanted.sink_status_conn_id,
        timeout=wanted.sink_timeout_s,
    )
    clean = RunDayJobOperator(
        task_id="clean",
        databricks_conn_id=wanted.databricks_conn_id,
        job_name=wanted.job_name("clean_batch"),
        job_parameters={
            **wanted.judged_by,
            "day": resolved["day"],
            "missing_raw": "{{ params.missing_raw }}",
            "too_many_quarantined": "{{ params.too_many_quarantined }}",
            "run_id": "{{ macros.pinpipe.job_run_id(ti) }}",
        },
        **RUN_NOW,
    )
    check_receipt = ReceiptCheckOperator(
        task_id="check_receipt",
        bucket=wanted.bucket,
        job="clean_batch",
        day=resolved["day"],
        aws_conn_id=wanted.aws_conn_id,
        outlets=[DELTA_BATCH],
    )

    @task
    def late_days(day: str, **context: Any) -> list[dict[str, Any]]:
        """Return what triggers a run for each late day, and tell of those further back; only in scheduled runs."""
        from pinpipe_airflow.hooks.receipt import ReceiptHook
        from pinpipe_airflow.late_alert import alert_of_late_days_outside_window
        from pinpipe_airflow.late_days import triggers_for_late_days

        dag_run, window_days = context["dag_run"], settings().late_window_days
        if dag_run.run_type != "scheduled":
            return []
        hook = ReceiptHook(settings().bucket, aws_conn_id=settings().aws_conn_id)
        topics = [*settings().topics.values(), settings().dead_letter_topic]
        triggers = triggers_for_late_days(hook, topics, day, window_days, dag_run.run_id)
        alert_of_late_days_outside_window(hook, topics, day, window_days, context)
        return triggers

    late = late_days(resolved["day"])
    clean_late_days = TriggerDagRunOperator.partial(
        task_id="clean_late_days",
        trigger_dag_id="clean_batch",
        logical_date=None,
        # A retry finds the run that the try before it has triggered.
        skip_when_already_exists=True,
    ).expand_kwargs(late)

    provisioned >> resolved
    wait_for_sink >> wait_for_dead_letters >> [clean, late]
    clean >> check_receipt

dag.deadline = daily_deadline(dag, timedelta(minutes=wanted.settle_minutes + wanted.daily_deadline_minutes))
