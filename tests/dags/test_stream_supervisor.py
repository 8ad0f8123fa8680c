"""The DAG that supervises the stream, and the place of the stream's job in ``provision``."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

DAGS = Path(__file__).resolve().parents[2] / "dags"


def parsed(dag_id):
    bag = DagBag(DAGS / f"{dag_id}.py", bundle_path=DAGS, bundle_name="stream")
    assert bag.import_errors == {}
    return bag.dags[dag_id]


@pytest.fixture(scope="module")
def supervisor():
    return parsed("stream_supervisor")


@pytest.fixture(scope="module")
def provision():
    return parsed("provision")


def test_it_looks_every_five_minutes_one_run_at_a_time(supervisor):
    assert supervisor.timetable.expression == "*/5 * * * *"
    assert (supervisor.max_active_runs, supervisor.catchup) == (1, False)


def test_it_looks_first_whether_the_pipeline_is_provisioned(supervisor):
    assert [task.task_id for task in supervisor.roots] == ["provisioned"]
    assert supervisor.get_task("supervise").upstream_task_ids == {"provisioned"}
    assert supervisor.get_task("wait_for_progress").upstream_task_ids == {"supervise"}


def test_it_waits_for_progress_only_of_a_stream_that_it_has_begun(supervisor):
    supervise = supervisor.get_task("supervise")
    assert (supervise.skip_unless_begun, supervise.alert, supervise.create_stopped) == (True, True, False)


def test_the_streams_job_is_made_once_its_tables_are_there(provision):
    assert "tables" in provision.get_task("stream_job").upstream_task_ids
    assert "stream_job" in provision.get_task("receipt").upstream_task_ids


def test_provisioning_does_not_fail_because_a_stream_does_not_work(provision):
    stream_job = provision.get_task("stream_job")
    assert (stream_job.alert, stream_job.skip_unless_begun, stream_job.create_stopped) == (False, False, True)


@pytest.mark.parametrize("argument", ["definition", "bucket", "streams", "default_wish", "stalled_after"])
def test_both_see_to_the_same_job_in_the_same_way(supervisor, provision, argument):
    supervise, stream_job = supervisor.get_task("supervise"), provision.get_task("stream_job")
    assert getattr(supervise, argument) == getattr(stream_job, argument)
