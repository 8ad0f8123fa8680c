"""Make everything that the pipeline stands on.

The bucket, the topics, the streams, the REST API with its key, the two sink connectors, the Databricks jobs and the
Delta tables, as declared in `include/` and the settings; on AWS also, where the settings ask for it, the Kafka cluster,
the REST proxy before it, IAM roles, connections in Secrets Manager, and a catalog of Unity Catalog. It may run at any
time: each task compares first and changes only what differs. The streaming job runs from then on, unless the stream is
to be stopped. The last task writes `receipts/provision/latest.json` and says what was changed; which Delta tables were
missing is in the log of their job. The scheduled DAGs are skipped until that receipt is there.

- **First** the task `preflight` looks at credentials, permissions, names, quotas, connections and versions, and fails
  with all that is wrong at once. `source_check` sees whether the source database can be read.
- `rights_withheld`: missing rights to change AWS do not stop it; a task that needs them fails.
- `only_if_provisioned`: nothing is made where that receipt is missing, as before the first run and after `teardown`.
- `mode`: `plan` changes nothing; the last task, `receipt`, returns what would be created or changed, and what stays.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task
from pinpipe_airflow.dag_defaults import ALERTED, DEFAULT_ARGS, START_DATE
from pinpipe_airflow.operators.provisioning import APPLY, PLAN
from pinpipe_airflow.tags import Tag
from pinpipe_airflow.task_groups.connect import connect_group
from pinpipe_airflow.task_groups.databricks import databricks_group
from pinpipe_airflow.task_groups.identity import identity_group, role_arn_of, unity_roles
from pinpipe_airflow.task_groups.kafka_cluster import kafka_cluster_group
from pinpipe_airflow.task_groups.order import in_order
from pinpipe_airflow.task_groups.rest_api import rest_api_group
from pinpipe_airflow.task_groups.rest_proxy import rest_proxy_group
from pinpipe_airflow.task_groups.secrets import secrets_group
from pinpipe_airflow.task_groups.source import source_group
from pinpipe_airflow.task_groups.storage import storage_group
from pinpipe_airflow.task_groups.streams import streams_group
from pinpipe_airflow.task_groups.topics import topics_group
from pinpipe_airflow.teardown import refuse_task_beside

from include.settings import settings

wanted = settings()

with DAG(
    dag_id="provision",
    description="Makes what the pipeline stands on; a second run changes nothing.",
    doc_md=__doc__,
    schedule=None,
    start_date=START_DATE,
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),  # as long as `streams` may take, twice
    default_args={**DEFAULT_ARGS, "pre_execute": refuse_task_beside},
    **ALERTED,
    tags=[Tag.INFRASTRUCTURE],
    params={
        "mode": Param(
            APPLY,
            type="string",
            enum=[APPLY, PLAN],
            values_display={APPLY: f"{APPLY}: make and change", PLAN: f"{PLAN}: only say what that would be"},
            title="Mode",
            description="`apply` makes what is missing and changes what differs; `plan` only says what that would be.",
        ),
        "rights_withheld": Param(
            False,
            type="boolean",
            title="Rights withheld",
            description="Go on where rights to change AWS are denied (`ProvisioningRights=withheld`): what is as "
            "wanted stays, Databricks' jobs are declared, and a task that has to change something of AWS fails.",
        ),
        "only_if_provisioned": Param(
            False,
            type="boolean",
            title="Only if provisioned",
            description="Skip all tasks where nothing is provisioned. `pinpipe deploy` asks for it: it has to declare "
            "new jobs, and not to bring back what a teardown has removed.",
        ),
    },
) as dag:

    @task.short_circuit(pre_execute=None)  # it looks itself
    def teardown_over(params: Any = None, ti: Any = None) -> bool:
        """Refuse to run beside a teardown; take back the wish that one has left which did not get to its end."""
        from airflow.sdk.exceptions import AirflowFailException
        from pinpipe_airflow.hooks.receipt import ReceiptHook
        from pinpipe_airflow.hooks.stream_wish import StreamWishHook
        from pinpipe_airflow.teardown import TEARDOWN, BesideError, refuse_beside

        try:
            refuse_beside(TEARDOWN, ti.get_dr_count(TEARDOWN, states=["running"]))
        except BesideError as refused:
            raise AirflowFailException(str(refused)) from refused  # another try would be refused too
        place = {"bucket": settings().bucket, "aws_conn_id": settings().aws_conn_id}
        if params["only_if_provisioned"] and ReceiptHook(**place).read("provision") is None:
            logging.getLogger(__name__).info(
                "Nothing is provisioned, and so nothing is to be made: all tasks are skipped"
            )
            return False
        if params["mode"] != PLAN:
            StreamWishHook(**place).take_back(by=TEARDOWN)
        return True

    @task
    def preflight(params: Any = None) -> list[dict[str, str]]:
        """Check everything that has to be right before anything is made; return what was found."""
        from pinpipe_airflow.preflight.report import refuse_wrong
        from pinpipe_airflow.preflight.running import run_checks

        return refuse_wrong(run_checks(settings(), may_change=params["mode"] != PLAN and not params["rights_withheld"]))

    @task
    def receipt(resources: dict[str, Any], params: Any = None, run_id: Any = None) -> list[str] | str:
        """Write the receipt of this run and return the names of what it changed; of a plan, only say and return it."""
        from pinpipe_airflow.hooks.receipt import ReceiptHook
        from pinpipe_airflow.provisioning import provision_receipt, report
        from pinpipe_airflow.provisioning_plan import report_plan

        if params["mode"] == PLAN:
            return report_plan(resources)
        written = provision_receipt(resources, run_id=run_id)
        ReceiptHook(settings().bucket, aws_conn_id=settings().aws_conn_id).write("provision", written)
        return report(written)

    # A task group per service; one that is not made with these settings is None, and has no outputs.
    checked = preflight()
    _, source_receipt = source_group(wanted)
    storage, storage_receipt = storage_group(wanted)
    cluster = kafka_cluster_group(wanted)
    identity = identity_group(wanted, cluster_arn=cluster.arn)
    secrets, secrets_receipts = secrets_group(wanted, bootstrap_servers=cluster.bootstrap_servers)
    topics, topics_receipt = topics_group(wanted, bootstrap_servers=cluster.bootstrap_servers)
    streams, streams_receipt = streams_group(wanted)
    proxy = rest_proxy_group(wanted, bootstrap_servers=cluster.bootstrap_servers)
    rest_api, rest_api_receipts = rest_api_group(
        wanted, log_role=identity.arn_of("api_logs"), marks=[identity.marks, proxy.marks]
    )
    connect, connect_receipts = connect_group(
        wanted, role_arn=identity.arn_of("connect"), bootstrap_servers=cluster.bootstrap_servers
    )
    databricks = databricks_group(
        wanted, storage_role_arn=role_arn_of("unity_storage"), service_role_arn=role_arn_of("unity_service")
    )
    trust, trust_receipts = unity_roles(wanted, databricks)

    receipt_written = receipt(
        {
            **source_receipt,
            **storage_receipt,
            **cluster.outputs,
            **identity.outputs,
            **secrets_receipts,
            **topics_receipt,
            **streams_receipt,
            **proxy.outputs,
            **rest_api_receipts,
            **connect_receipts,
            **trust_receipts,
            **databricks.outputs,
        }
    )

    in_order(secrets, topics, connect)
    in_order(storage, connect)
    in_order(identity.roles.get("connect"), connect)

    in_order(cluster.group, proxy.group, rest_api)
    in_order(identity.roles.get("rest_proxy"), proxy.group)
    in_order(secrets, rest_api)
    in_order([identity.roles.get("api_kinesis"), identity.roles.get("api_logs")], rest_api)
    in_order(topics if proxy.group else None, rest_api)  # which is asked for them at the end

    in_order([storage, identity.account], databricks.credentials, trust, databricks.trusted)
    in_order(storage, databricks.tables)
    in_order(streams, databricks.stream_job)

    in_order(rest_api, receipt_written)
    in_order(teardown_over(), checked)
    # What waits for nothing else waits for the checks.
    in_order(checked, [first for first in dag.roots if first.task_id != "teardown_over"])
