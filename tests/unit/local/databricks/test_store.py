import pytest

from local.databricks.states import CANCELED, PENDING, RUNNING, SUCCESS, State, queued
from local.databricks.store import Store


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "jobs.sqlite")
    yield store
    store.close()


def add_run(store, job_id=1, state=PENDING, token=None):
    return store.add_run(
        job_id=job_id,
        run_type="JOB_RUN" if job_id else "SUBMIT_RUN",
        trigger="ONE_TIME",
        settings={},
        overrides={},
        idempotency_token=token,
        state=state,
    )


def test_everything_is_there_after_the_file_is_opened_again(tmp_path):
    store = Store(tmp_path / "jobs.sqlite")
    job_id = store.add_job({"name": "n"})
    run = add_run(store, job_id)
    task_run_id = store.add_task_run(run.run_id, "a", PENDING)
    store.start_task_run(task_run_id, RUNNING, ["--x"])
    store.set_task_state(task_run_id, SUCCESS)
    store.set_run_state(run.run_id, SUCCESS)
    store.close()

    again = Store(tmp_path / "jobs.sqlite")
    assert again.job(job_id).settings == {"name": "n"}
    assert again.run(run.run_id).state == SUCCESS
    assert again.run(run.run_id).end_time is not None
    task_run = again.task_run(task_run_id)
    assert (task_run.arguments, task_run.state, task_run.attempt_number) == (["--x"], SUCCESS, 0)
    again.close()


def test_ids_are_never_given_twice(store):
    run = add_run(store)
    store.delete_run(run.run_id)
    assert add_run(store).run_id > run.run_id


def test_a_token_finds_the_run_of_its_job_only(store):
    run = add_run(store, job_id=1, token="t")
    one_time = add_run(store, job_id=None, token="t")
    assert store.run_with_token("t", 1).run_id == run.run_id
    assert store.run_with_token("t", 2) is None
    assert store.run_with_token("t", None).run_id == one_time.run_id


def test_runs_are_listed_newest_first_and_by_page(store):
    ids = [add_run(store, state=state).run_id for state in (CANCELED, RUNNING, queued(1), SUCCESS)]
    assert [run.run_id for run in store.runs(limit=2)] == [ids[3], ids[2]]
    assert [run.run_id for run in store.runs(before=ids[2])] == [ids[1], ids[0]]
    assert [run.run_id for run in store.runs(unfinished=True)] == [ids[2], ids[1]]
    assert [run.run_id for run in store.runs(unfinished=False, job_id=1)] == [ids[3], ids[0]]


def test_the_latest_attempt_of_a_task_is_the_last_one_made(store):
    run = add_run(store)
    store.add_task_run(run.run_id, "a", PENDING)
    second = store.add_task_run(run.run_id, "a", PENDING, attempt_number=1)
    assert store.latest_task_runs(run.run_id)["a"].run_id == second


def test_deleting_a_run_deletes_its_tasks_and_repairs(store):
    run = add_run(store)
    repair_id = store.add_repair(run.run_id, ["a"], {"name": "new"}, {"day": "x"})
    task_run_id = store.add_task_run(run.run_id, "a", PENDING, repair_id=repair_id)
    assert store.run(run.run_id).settings == {"name": "new"}
    store.delete_run(run.run_id)
    assert store.task_run(task_run_id) is None
    assert store.repairs(run.run_id) == []


def test_a_file_of_another_version_is_refused(tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "jobs.sqlite") as database:
        database.execute("PRAGMA user_version=99")
    with pytest.raises(RuntimeError, match="has version 99"):
        Store(tmp_path / "jobs.sqlite")


def test_a_state_is_read_as_it_was_written(store):
    run = add_run(store, state=State("SKIPPED", "MAXIMUM_CONCURRENT_RUNS_REACHED", "why"))
    assert store.run(run.run_id).state.state_message == "why"
    assert store.run(run.run_id).end_time == run.start_time
