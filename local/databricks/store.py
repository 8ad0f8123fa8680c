"""Jobs, runs, tasks and repairs in SQLite: what must survive a restart of the server."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.databricks.records import Job, Repair, Run, TaskRun
from local.databricks.states import FINISHED, State

VERSION = 1  # of the tables; kept in the file
_TABLES = """
CREATE TABLE ids (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE jobs (job_id INTEGER PRIMARY KEY, settings TEXT NOT NULL, created_time INTEGER NOT NULL);
CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL,
    run_type TEXT NOT NULL,
    trigger TEXT NOT NULL,
    settings TEXT NOT NULL,
    parameters TEXT NOT NULL,
    idempotency_token TEXT,
    life_cycle_state TEXT NOT NULL,
    result_state TEXT,
    state_message TEXT NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER
);
CREATE INDEX runs_of_job ON runs (job_id, life_cycle_state);
CREATE INDEX runs_by_token ON runs (idempotency_token) WHERE idempotency_token IS NOT NULL;
CREATE TABLE task_runs (
    run_id INTEGER PRIMARY KEY,
    parent_run_id INTEGER NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    task_key TEXT NOT NULL,
    attempt_number INTEGER NOT NULL,
    repair_id INTEGER REFERENCES repairs (repair_id) ON DELETE CASCADE,
    arguments TEXT,
    life_cycle_state TEXT NOT NULL,
    result_state TEXT,
    state_message TEXT NOT NULL,
    error TEXT,
    error_trace TEXT,
    start_time INTEGER,
    end_time INTEGER
);
CREATE INDEX tasks_of_run ON task_runs (parent_run_id);
CREATE TABLE repairs (
    repair_id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
    task_keys TEXT NOT NULL,
    start_time INTEGER NOT NULL
);
"""


class Store:
    """The database; used from one event loop only.

    :param file: its file, made with its folder if missing.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(file, isolation_level=None, timeout=5, check_same_thread=False)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute("PRAGMA foreign_keys=ON")
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={VERSION}; COMMIT;")
        elif version != VERSION:
            raise RuntimeError(f"{file} has version {version}, this program writes {VERSION}: delete the file")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def ping(self) -> int:
        """Return the number of unfinished runs; raises ``sqlite3.Error`` when the database does not answer."""
        row = self._database.execute(f"SELECT count(*) FROM runs WHERE {_UNFINISHED}").fetchone()  # nosec B608 # noqa: S608 - a constant
        return int(row[0])

    def add_job(self, settings: dict[str, Any]) -> int:
        """Keep a new job and return its id."""
        with self._transaction():
            job_id = self._new_id()
            self._database.execute("INSERT INTO jobs VALUES (?, ?, ?)", (job_id, json.dumps(settings), now_ms()))
        return job_id

    def set_job_settings(self, job_id: int, settings: dict[str, Any]) -> None:
        """Replace a job's settings."""
        self._database.execute("UPDATE jobs SET settings = ? WHERE job_id = ?", (json.dumps(settings), job_id))

    def delete_job(self, job_id: int) -> None:
        """Forget a job; its runs stay."""
        self._database.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))

    def job(self, job_id: int) -> Job | None:
        """Return a job, or None."""
        row = self._database.execute("SELECT * FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        return _job(row) if row else None

    def jobs(self) -> list[Job]:
        """Return all jobs, newest first."""
        return [_job(row) for row in self._database.execute("SELECT * FROM jobs ORDER BY job_id DESC")]

    def add_run(
        self,
        *,
        job_id: int | None,
        run_type: str,
        trigger: str,
        settings: dict[str, Any],
        overrides: dict[str, str],
        idempotency_token: str | None,
        state: State,
    ) -> Run:
        """Keep a new run.

        :param job_id: the job; None for a one-time run, which gets a job id of its own.
        :param overrides: values of job parameters that differ from the defaults.
        """
        with self._transaction():
            run_id = self._new_id()
            started = now_ms()
            self._database.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run_id,
                    self._new_id() if job_id is None else job_id,
                    run_type,
                    trigger,
                    json.dumps(settings),
                    json.dumps(overrides),
                    idempotency_token,
                    state.life_cycle_state,
                    state.result_state,
                    state.state_message,
                    started,
                    started if state.is_finished else None,
                ),
            )
        return self._known_run(run_id)

    def set_run_state(self, run_id: int, state: State) -> None:
        """Set a run's state, and its end when it has finished."""
        self._database.execute(
            "UPDATE runs SET life_cycle_state = ?, result_state = ?, state_message = ?, end_time = ? WHERE run_id = ?",
            (
                state.life_cycle_state,
                state.result_state,
                state.state_message,
                now_ms() if state.is_finished else None,
                run_id,
            ),
        )

    def run(self, run_id: int) -> Run | None:
        """Return a run, or None."""
        row = self._database.execute("SELECT * FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return _run(row) if row else None

    def run_with_token(self, token: str, job_id: int | None) -> Run | None:
        """Return the run that was asked for with ``token``, of the job, or the one-time run when that is None."""
        row = self._database.execute(
            "SELECT * FROM runs WHERE idempotency_token = ?"
            " AND (job_id = ? OR (? IS NULL AND run_type = 'SUBMIT_RUN'))",
            (token, job_id, job_id),
        ).fetchone()
        return _run(row) if row else None

    def runs(
        self,
        *,
        job_id: int | None = None,
        unfinished: bool | None = None,
        run_type: str | None = None,
        before: int | None = None,
        limit: int = -1,
    ) -> list[Run]:
        """Return runs, newest first.

        :param unfinished: True for active and queued ones only, False for finished ones only.
        :param before: only runs with a smaller id.
        :param limit: at most so many; -1 for all.
        """
        rows = self._database.execute(
            f"""SELECT * FROM runs WHERE (:job_id IS NULL OR job_id = :job_id)
                AND (:unfinished IS NULL OR ({_UNFINISHED}) = :unfinished)
                AND (:run_type IS NULL OR run_type = :run_type) AND (:before IS NULL OR run_id < :before)
                ORDER BY run_id DESC LIMIT :limit""",  # nosec B608 # noqa: S608 - a constant
            {"job_id": job_id, "unfinished": unfinished, "run_type": run_type, "before": before, "limit": limit},
        )
        return [_run(row) for row in rows]

    def delete_run(self, run_id: int) -> None:
        """Forget a run with its tasks and repairs."""
        self._database.execute("DELETE FROM runs WHERE run_id = ?", (run_id,))

    def add_task_run(
        self, parent_run_id: int, task_key: str, state: State, *, attempt_number: int = 0, repair_id: int | None = None
    ) -> int:
        """Keep a new attempt of a task and return its run id."""
        with self._transaction():
            run_id = self._new_id()
            self._database.execute(
                "INSERT INTO task_runs (run_id, parent_run_id, task_key, attempt_number, repair_id, life_cycle_state,"
                " state_message) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (run_id, parent_run_id, task_key, attempt_number, repair_id, state.life_cycle_state, ""),
            )
        return run_id

    def start_task_run(self, run_id: int, state: State, arguments: Sequence[str]) -> None:
        """Set the state, the arguments and the start of an attempt."""
        self._database.execute(
            "UPDATE task_runs SET life_cycle_state = ?, state_message = ?, arguments = ?, start_time = ?"
            " WHERE run_id = ?",
            (state.life_cycle_state, state.state_message, json.dumps(arguments), now_ms(), run_id),
        )

    def set_task_state(
        self, run_id: int, state: State, *, error: str | None = None, error_trace: str | None = None
    ) -> None:
        """Set the state of an attempt, why it failed, and its end when it has finished."""
        self._database.execute(
            "UPDATE task_runs SET life_cycle_state = ?, result_state = ?, state_message = ?, error = ?,"
            " error_trace = ?, end_time = ? WHERE run_id = ?",
            (
                state.life_cycle_state,
                state.result_state,
                state.state_message,
                error,
                error_trace,
                now_ms() if state.is_finished else None,
                run_id,
            ),
        )

    def task_run(self, run_id: int) -> TaskRun | None:
        """Return an attempt of a task, or None."""
        row = self._database.execute("SELECT * FROM task_runs WHERE run_id = ?", (run_id,)).fetchone()
        return _task_run(row) if row else None

    def task_runs(self, parent_run_id: int) -> list[TaskRun]:
        """Return all attempts of a run's tasks, oldest first."""
        rows = self._database.execute(
            "SELECT * FROM task_runs WHERE parent_run_id = ? ORDER BY run_id", (parent_run_id,)
        )
        return [_task_run(row) for row in rows]

    def latest_task_runs(self, parent_run_id: int) -> dict[str, TaskRun]:
        """Return the newest attempt of each task of a run, by task key."""
        return {task_run.task_key: task_run for task_run in self.task_runs(parent_run_id)}

    def add_repair(
        self, run_id: int, task_keys: Sequence[str], settings: dict[str, Any], overrides: dict[str, str]
    ) -> int:
        """Keep a repair of a run, which from now on has these settings and overrides; return the repair's id."""
        with self._transaction():
            repair_id = self._new_id()
            self._database.execute(
                "INSERT INTO repairs VALUES (?, ?, ?, ?)", (repair_id, run_id, json.dumps(task_keys), now_ms())
            )
            self._database.execute(
                "UPDATE runs SET settings = ?, parameters = ? WHERE run_id = ?",
                (json.dumps(settings), json.dumps(overrides), run_id),
            )
        return repair_id

    def repairs(self, run_id: int) -> list[Repair]:
        """Return the repairs of a run, oldest first."""
        rows = self._database.execute("SELECT * FROM repairs WHERE run_id = ? ORDER BY repair_id", (run_id,))
        return [
            Repair(row["repair_id"], row["run_id"], json.loads(row["task_keys"]), row["start_time"]) for row in rows
        ]

    def _known_run(self, run_id: int) -> Run:
        run = self.run(run_id)
        if run is None:
            raise LookupError(f"run {run_id} is not in the database")
        return run

    def _new_id(self) -> int:
        # Jobs, runs, tasks and repairs count in one sequence, and a number is never given twice.
        identifier = self._database.execute("INSERT INTO ids DEFAULT VALUES").lastrowid
        if identifier is None:
            raise sqlite3.IntegrityError("SQLite gave no row id")
        self._database.execute("DELETE FROM ids WHERE id < ?", (identifier,))
        return identifier

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield


_UNFINISHED = "life_cycle_state NOT IN ({})".format(", ".join(f"'{name}'" for name in FINISHED))


def now_ms() -> int:
    """Return the time in ms since 1970."""
    return time.time_ns() // 1_000_000


def _job(row: sqlite3.Row) -> Job:
    return Job(row["job_id"], json.loads(row["settings"]), row["created_time"])


def _state(row: sqlite3.Row) -> State:
    return State(row["life_cycle_state"], row["result_state"], row["state_message"])


def _run(row: sqlite3.Row) -> Run:
    return Run(
        run_id=row["run_id"],
        job_id=row["job_id"],
        run_type=row["run_type"],
        trigger=row["trigger"],
        settings=json.loads(row["settings"]),
        parameters=json.loads(row["parameters"]),
        state=_state(row),
        start_time=row["start_time"],
        end_time=row["end_time"],
    )


def _task_run(row: sqlite3.Row) -> TaskRun:
    return TaskRun(
        run_id=row["run_id"],
        parent_run_id=row["parent_run_id"],
        task_key=row["task_key"],
        attempt_number=row["attempt_number"],
        repair_id=row["repair_id"],
        arguments=json.loads(row["arguments"]) if row["arguments"] else None,
        state=_state(row),
        error=row["error"],
        error_trace=row["error_trace"],
        start_time=row["start_time"],
        end_time=row["end_time"],
    )
