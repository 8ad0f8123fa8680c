"""One attempt of a task as a local process: its command, its environment, its log and how it ended."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.databricks import process_session, task_entry, wheels
from local.databricks.errors import ApiError
from local.databricks.job_settings import Task
from local.databricks.states import FAILED, SUCCESS, State, timed_out
from local.databricks.volumes import Volumes

MARK = "PINPIPE_DATABRICKS_STATE"

# The server's and Airflow's own; and what would lead the job's interpreter to other packages or another Spark.
_NOT_FOR_JOBS = ("AIRFLOW", "PINPIPE_DATABRICKS_TOKEN", "PINPIPE_CONNECT_", "PYTHON", "VIRTUAL_ENV", "SPARK_HOME")
_LONGEST_ERROR = 4_000
_LONGEST_TRACE = 100_000


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; ``error`` and ``error_trace`` say why it failed."""

    state: State
    error: str | None = None
    error_trace: str | None = None


class TaskProcesses:
    """Starts attempts of tasks as processes, each the leader of a session of its own, and ends them.

    :param state: the folder for logs and unpacked wheels; its path marks the processes.
    :param volumes: where wheels and Python files come from.
    :param spark: variables that lead Spark to its configuration, see :func:`local.databricks.spark_settings.write`.
    :param environment: the server's environment, from which theirs is made; ``PYSPARK_PYTHON`` is their interpreter.
    :param grace_s: seconds between asking a process to end and killing it.
    """

    def __init__(
        self,
        state: Path,
        volumes: Volumes,
        spark: Mapping[str, str],
        environment: Mapping[str, str],
        *,
        grace_s: float = 4.0,
    ) -> None:
        self._state = state
        self._volumes = volumes
        self._grace_s = grace_s
        self._interpreter = environment.get("PYSPARK_PYTHON") or "python3"
        inherited = {name: value for name, value in environment.items() if not name.startswith(_NOT_FOR_JOBS)}
        self._environment = {
            **inherited,
            MARK: str(state),
            "PYSPARK_PYTHON": self._interpreter,
            "PYSPARK_DRIVER_PYTHON": self._interpreter,
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            "SPARK_LOCAL_IP": "127.0.0.1",
            **spark,
        }

    def folder(self, task_run_id: int) -> Path:
        """Return the folder of an attempt."""
        return self._state / "runs" / str(task_run_id)

    def log_file(self, task_run_id: int) -> Path:
        """Return the driver log of an attempt: what it wrote to stdout and stderr. It need not exist."""
        return self.folder(task_run_id) / "driver.log"

    def forget(self, task_run_id: int) -> None:
        """Remove what an attempt left."""
        shutil.rmtree(self.folder(task_run_id), ignore_errors=True)

    async def end_leftovers(self) -> int:
        """End what a killed server of the same state left running and its scratch files; return how many sessions."""
        sessions = process_session.sessions_with(MARK, str(self._state))
        await asyncio.gather(*(process_session.end(session, self._grace_s) for session in sessions))
        for work in (self._state / "runs").glob("*/work"):
            shutil.rmtree(work, ignore_errors=True)
        return len(sessions)

    async def run(self, task_run_id: int, task: Task, arguments: Sequence[str], stop: asyncio.Future[State]) -> Outcome:
        """Run an attempt to its end, which is also the end of every process that it started.

        :param arguments: the program's, references replaced.
        :param stop: ends the attempt when it gets a result, which becomes the attempt's state.
        """
        folder = self.folder(task_run_id)
        work = folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        try:
            search_path = await asyncio.to_thread(self._unpack_libraries, task)
            command = self._command(folder / "outcome.json", task, arguments)
        except (ApiError, wheels.WheelError) as error:
            self.log_file(task_run_id).write_text(f"{error}\n", encoding="utf-8")
            return Outcome(FAILED, f"Library installation failed: {error}")
        try:
            return await self._run_command(folder, work, command, search_path, task.timeout_seconds, stop)
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

    async def _run_command(
        self,
        folder: Path,
        work: Path,
        command: Sequence[str],
        search_path: Sequence[str],
        timeout_s: int,
        stop: asyncio.Future[State],
    ) -> Outcome:
        environment = {
            **self._environment,
            "PYTHONPATH": os.pathsep.join(search_path),
            # Spark's shuffle files, S3A's buffers and temporary files go where they are removed with the attempt.
            "SPARK_LOCAL_DIRS": str(work),
            "LOCAL_DIRS": str(work),
            "TMPDIR": str(work),
        }
        with (folder / "driver.log").open("wb") as log:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    cwd=work,
                    env=environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                return Outcome(FAILED, f"{self._interpreter} does not start: {error}. Set PYSPARK_PYTHON.")
        exited = asyncio.create_task(process.wait())
        ends: set[asyncio.Future[Any]] = {exited, stop}
        await asyncio.wait(ends, timeout=timeout_s or None, return_when=asyncio.FIRST_COMPLETED)
        if exited.done():
            # Whoever comes next, a second writer of the same table among them, comes after the JVM has gone. One that
            # was killed has not told it to go.
            killed = exited.result() < 0
            if killed or not await process_session.ended(process.pid, self._grace_s):
                await process_session.end(process.pid, self._grace_s)
            return _outcome(exited.result(), folder / "outcome.json")
        await process_session.end(process.pid, self._grace_s)
        await exited
        state = stop.result() if stop.done() else timed_out(timeout_s)
        return Outcome(state, None if state.result_state == "CANCELED" else state.state_message)

    def _unpack_libraries(self, task: Task) -> list[str]:
        files = [self._volumes.file(library.whl) for library in task.libraries]
        return [str(wheels.unpack(file, self._state / "wheels")) for file in files]

    def _command(self, outcome_file: Path, task: Task, arguments: Sequence[str]) -> list[str]:
        # -P keeps the folder of task_entry.py, this package, off the job's search path.
        start = [self._interpreter, "-P", task_entry.__file__, str(outcome_file)]
        if task.python_wheel_task:
            return [
                *start,
                "wheel",
                task.python_wheel_task.package_name,
                task.python_wheel_task.entry_point,
                *arguments,
            ]
        if task.spark_python_task:
            return [*start, "file", str(self._volumes.file(task.spark_python_task.python_file)), *arguments]
        raise AssertionError("a task without work is refused when its job is declared")


def _outcome(exit_status: int, outcome_file: Path) -> Outcome:
    if exit_status == 0:
        return Outcome(SUCCESS)
    if outcome_file.exists():
        told = json.loads(outcome_file.read_text(encoding="utf-8"))
        return Outcome(FAILED, told["error"][:_LONGEST_ERROR], told["error_trace"][-_LONGEST_TRACE:])
    if exit_status < 0:
        name = signal.Signals(-exit_status).name
        hint = ": out of memory?" if -exit_status == signal.SIGKILL else ""
        return Outcome(FAILED, f"The process of the task was killed by {name}{hint} See the driver log.")
    return Outcome(FAILED, f"The process of the task ended with exit status {exit_status}. See the driver log.")
