"""Links of tasks lead to what they are about, and hold no secret."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pinpipe_airflow.links.driver_log import driver_log_url
from pinpipe_airflow.links.linked_day import linked_day
from pinpipe_airflow.links.quarantine import QuarantineLink
from pinpipe_airflow.links.s3_prefix import S3_LINKS, prefix_url
from pinpipe_airflow.operators.databricks_run import RunDayJobOperator, RunJobOperator
from pinpipe_airflow.operators.receipt import ReceiptCheckOperator

TASK = RunDayJobOperator(task_id="clean", job_name="pinpipe-clean_batch", job_parameters={"day": "2026-01-31"})


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


def test_the_quarantine_link_leads_to_the_day_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/base/")
    link = QuarantineLink().get_link(TASK, ti_key=None)
    assert link == "https://airflow.example/base/pinpipe/days/2026-01-31#quarantine"


def test_s3_links_lead_to_the_console_or_to_the_local_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prefix_url("b", "topics/a b/dt=1/", "eu-west-1") == (
        "https://eu-west-1.console.aws.amazon.com/s3/buckets/b?region=eu-west-1&prefix=topics%2Fa+b%2Fdt%3D1%2F"
    )
    assert prefix_url("b", "x/", "cn-north-1").startswith("https://cn-north-1.console.amazonaws.cn/s3/buckets/b?")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")
    assert prefix_url("b", "x/", "eu-west-1") == "http://127.0.0.1:4566/b?list-type=2&prefix=x%2F"


def test_each_s3_link_has_a_name_a_key_and_a_prefix_of_its_own() -> None:
    links = [link.get_link(TASK, ti_key=None) for link in S3_LINKS]
    assert [link.name for link in S3_LINKS] == ["S3: raw pin", "S3: raw geo", "S3: raw user", "S3: receipt"]
    assert len({link.xcom_key for link in S3_LINKS}) == len(set(links)) == len(S3_LINKS)
    assert links[0].endswith("topics%2Fpinpipe.pin%2Fdt%3D2026-01-31%2F")
    assert links[3].endswith("receipts%2Fclean_batch%2Fdt%3D2026-01-31%2F")


def test_the_driver_log_is_that_of_the_cluster_or_the_runs_page() -> None:
    page = "https://dbc.example/?o=1#job/5/run/7"
    run = {"run_page_url": page, "tasks": [{"cluster_instance": {"cluster_id": "0923-1"}}]}
    assert driver_log_url(run) == "https://dbc.example/?o=1#setting/sparkui/0923-1/driver-logs"
    assert driver_log_url({"run_page_url": page, "tasks": [{}]}) == page
    local = "http://localhost:1/runs/7?signature=s"
    assert driver_log_url({"run_page_url": local}) == f"{local}#driver-log"


def test_a_task_that_never_had_a_day_has_no_link_about_one() -> None:
    for task in (
        SimpleNamespace(task_id="t", json={}),
        SimpleNamespace(task_id="t", json={"job_parameters": {"day": "{{ task }}"}}),
    ):
        with pytest.raises(ValueError, match="task t has no day"):
            linked_day(task)
    assert linked_day(SimpleNamespace(task_id="t", day="2026-01-31")) == "2026-01-31"


def test_the_day_of_a_job_is_found_by_either_way_to_give_its_parameters() -> None:
    within = RunDayJobOperator(task_id="clean", job_name="j", json={"job_parameters": {"day": "2026-01-31"}})
    assert linked_day(within) == linked_day(TASK) == "2026-01-31"


OF_RUN = {"See Databricks Job Run", "Driver log"}
OF_DAY = {"The day's quarantine", "S3: raw pin", "S3: raw geo", "S3: raw user", "S3: receipt"}


@pytest.mark.parametrize(
    ("operator", "names"),
    [(RunJobOperator, OF_RUN), (RunDayJobOperator, OF_RUN | OF_DAY), (ReceiptCheckOperator, OF_DAY)],
)
def test_tasks_have_these_links(operator: Any, names: set[str]) -> None:
    assert {link.name for link in operator.operator_extra_links} == names
