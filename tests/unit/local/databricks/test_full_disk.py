"""A disk that takes nothing for a while: runs end, queued ones begin and continuous jobs go on once it does again."""

import asyncio
import sqlite3

import pytest

from local.databricks import executor as executor_module
from local.databricks.executor import Executor
from local.databricks.states import CANCELED, SUCCESS
from local.databricks.store import Store
from local.databricks.task_process import Outcome


class FullDisk(Store):
    """A store that takes nothing so many times."""

    refusals = 0

    def set_run_state(self, run_id, state):
        self.refuse()
        super().set_run_state(run_id, state)

    def add_run(self, **given):
        self.refuse()
        return super().add_run(**given)

    def refuse(self):
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")


class Processes:
    """Attempts that end as soon as they are let, well."""

    def __init__(self):
        self.let = asyncio.Event()

    async def end_leftovers(self):
        return 0

    async def run(self, task_run_id, task, arguments, stop):
        waiting = asyncio.ensure_future(self.let.wait())
        await asyncio.wait({waiting, stop}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return Outcome(SUCCESS if self.let.is_set() else stop.result())


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(executor_module, "_WRITE_AGAIN_S", 0.01)


@pytest.fixture
def store(tmp_path):
    store = FullDisk(tmp_path / "jobs.sqlite")
    yield store
    store.close()


def job(store, **settings):
    task = {"task_key": "t", "spark_python_task": {"python_file": "/Volumes/a/b/c/d.py"}}
    return store.job(store.add_job({"name": "j", "tasks": [task], **settings}))


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_run_that_ends_while_the_disk_is_full_ends_and_lets_the_next_begin(store):
    async def course():
        processes = Processes()
        executor = Executor(store, processes)
        of = job(store, queue={"enabled": True})
        first, second = (executor.run_job(of, overrides={}) for _ in range(2))
        await until(lambda: store.run(first.run_id).state.life_cycle_state == "RUNNING")
        assert store.run(second.run_id).state.life_cycle_state == "QUEUED"
        store.refusals = 3
        processes.let.set()
        await until(lambda: store.run(second.run_id).state == SUCCESS)
        assert store.refusals == 0
        assert store.run(first.run_id).state == SUCCESS
        await executor.close()

    asyncio.run(course())


def test_a_continuous_job_whose_next_run_cannot_be_stored_begins_it_later(store):
    async def course():
        executor = Executor(store, Processes(), restart_delay_s=lambda _: 0.0)
        of = job(store, continuous={"pause_status": "UNPAUSED"})
        store.refusals = 3
        executor.job_changed(of.job_id)
        await until(lambda: len(store.runs(job_id=of.job_id, unfinished=True)) == 1)
        assert store.refusals == 0
        store.set_job_settings(of.job_id, {**of.settings, "continuous": {"pause_status": "PAUSED"}})
        await executor.close()

    asyncio.run(course())


def test_a_run_that_is_cancelled_while_the_disk_is_full_ends(store):
    async def course():
        executor = Executor(store, Processes())
        run = executor.run_job(job(store), overrides={})
        await until(lambda: store.run(run.run_id).state.life_cycle_state == "RUNNING")
        store.refusals = 2
        executor.cancel(run)
        await until(lambda: store.run(run.run_id).state == CANCELED)
        assert store.refusals == 0
        await executor.close()

    asyncio.run(course())


def test_a_continuous_job_is_followed_by_the_next_run_even_if_the_store_was_away_when_one_ended(store, monkeypatch):
    async def course():
        processes = Processes()
        executor = Executor(store, processes, restart_delay_s=lambda _: 0.0)
        of = job(store, continuous={"pause_status": "UNPAUSED"})
        first = executor.run_job(of, overrides={})
        await until(lambda: store.run(first.run_id).state.life_cycle_state == "RUNNING")
        asked = []
        job_of = store.job

        def away_at_first(job_id):
            asked.append(job_id)
            if len(asked) in (2, 3):  # the first is that for queued runs
                raise sqlite3.OperationalError("disk I/O error")
            return job_of(job_id)

        monkeypatch.setattr(store, "job", away_at_first)
        executor.cancel(first)
        await until(lambda: [run for run in store.runs(unfinished=True) if run.run_id != first.run_id])
        assert len(asked) >= 4
        store.set_job_settings(of.job_id, {**of.settings, "continuous": {"pause_status": "PAUSED"}})
        await executor.close()

    asyncio.run(course())


def test_tasks_beside_one_whose_end_cannot_be_stored_have_ended_when_the_run_has(store, monkeypatch):
    class OneEndsAtOnce(Processes):
        ended = 0

        async def run(self, task_run_id, task, arguments, stop):
            if task.task_key == "short":
                await asyncio.sleep(0.05)  # the other has begun
                return Outcome(SUCCESS)
            outcome = await super().run(task_run_id, task, arguments, stop)
            self.ended += 1
            return outcome

    def refuse(task_run_id, state, **_):
        if state == SUCCESS:
            raise sqlite3.OperationalError("database or disk is full")

    async def course():
        processes = OneEndsAtOnce()
        executor = Executor(store, processes)
        task = {"spark_python_task": {"python_file": "/Volumes/a/b/c/d.py"}}
        of = store.job(
            store.add_job({"name": "j", "tasks": [{"task_key": "short", **task}, {"task_key": "long", **task}]})
        )
        monkeypatch.setattr(store, "set_task_state", refuse)
        run = executor.run_job(of, overrides={})
        await until(lambda: store.run(run.run_id).state.is_finished)
        assert processes.ended == 1
        assert store.run(run.run_id).state.result_state == "FAILED"
        await executor.close()

    asyncio.run(course())
