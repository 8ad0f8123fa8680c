"""The local world as one thing: bring it up in the order of its needs, tell how it is, take it down without a trace."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import psutil
from filelock import FileLock, Timeout

from local import health, ports, postgres, secret_store
from local.home import ROOT, home, make_home
from local.process_environment import ADMIN, OWN_SOURCE, airflow_environment, base_environment
from local.progress import Progress, waits_for
from local.spark_wheel_path import VARIABLE, spark_wheel_path
from local.supervision import Program, Supervisor, log_folder

FOUNDATIONS = ("postgres", "kafka", "ministack", "databricks")
EDGES = ("kafka_rest", "connect", "gateway")
AIRFLOW = tuple(health.AIRFLOW_COMPONENTS)
SERVICES = (*FOUNDATIONS, *EDGES, *AIRFLOW)
_MINIMUM_FREE_BYTES = 2 * 1024**3
_READY_WITHIN_S = 240


class WorldError(RuntimeError):
    """The world could not do what was asked; the message says why and what to do."""


class NoWorldError(WorldError):
    """There is no world in the state folder yet."""


def up(progress: Progress) -> None:
    """Bring the whole world up; what runs already is left alone.

    :param progress: is told each step in words.
    :raises WorldError: when a port is taken, the disk is full or a service does not get healthy; what this call
        started is stopped again.
    """
    with _one_at_a_time():
        secrets = secret_store.load()
        supervisor = Supervisor(secrets["supervisor_password"])
        fresh = not supervisor.running()
        if fresh:
            _stop_leftovers()
            _check_machine()
        else:
            _check_source(supervisor, secrets)
        try:
            if fresh:
                progress("preparing PostgreSQL and the supervisor")
                _prepare(secrets)
                supervisor.start(_programs(), {**base_environment(secrets), **airflow_environment(secrets)})
            progress("starting PostgreSQL, Kafka, ministack and databricks")
            supervisor.start_programs(FOUNDATIONS)
            _wait_for(("postgres",), supervisor, secrets, progress)
            postgres.create_databases(secrets)
            if fresh:
                progress("migrating Airflow's database")
                _migrate_airflow(secrets)
            progress("starting the REST proxy, the sink, the gateway and Airflow")
            supervisor.start_programs(SERVICES)
            _wait_for(SERVICES, supervisor, secrets, progress)
            progress("uploading the Spark jobs")
            _upload_spark_jobs(supervisor, secrets, progress)
        except BaseException:
            if fresh:
                progress("that failed: stopping what was started")
                _stop(supervisor)
            raise


def down(progress: Progress) -> None:
    """Stop every process of the world; its data stays.

    :raises WorldError: when a process or a port outlives the stop.
    """
    with _one_at_a_time():
        progress("stopping all services")
        _stop(Supervisor(secret_store.load()["supervisor_password"]))


def reset(progress: Progress) -> None:
    """Stop the world and delete all of its state: databases, topics, objects, tables, logs, secrets."""
    down(progress)
    progress(f"deleting {home()}")
    postgres.remove()
    if home().exists():
        shutil.rmtree(home())


def status() -> dict[str, dict[str, Any]]:
    """Return each service's state.

    :returns: by service: ``state`` (supervisor's word, ``DOWN`` without one), ``healthy``, ``detail``, ``url``,
        ``pid``, ``uptime_s`` and ``log``.
    """
    secrets = secret_store.load() if secret_store.secret_file().exists() else None
    supervisor = Supervisor(secrets["supervisor_password"]) if secrets else None
    if secrets is None or supervisor is None or not supervisor.running():
        return {
            name: {
                "state": "DOWN",
                "healthy": False,
                "detail": "not started",
                "url": "",
                "pid": None,
                "uptime_s": 0,
                "log": str(log_folder() / f"{name}.log"),
            }
            for name in SERVICES
        }
    processes = supervisor.states()
    # Only what runs is asked: a stopped broker costs a client its whole time limit.
    stopped = health.Health(False, "not running", "")
    running = [name for name in SERVICES if processes[name]["statename"] == "RUNNING"]
    answers = dict.fromkeys(SERVICES, stopped) | health.check(running, secrets)
    return {
        name: {
            "state": processes[name]["statename"],
            "healthy": answers[name].healthy,
            "detail": processes[name]["spawnerr"] or answers[name].detail,
            "url": answers[name].url,
            "pid": processes[name]["pid"] or None,
            "uptime_s": max(0, processes[name]["now"] - processes[name]["start"]) if processes[name]["pid"] else 0,
            "log": str(log_folder() / f"{name}.log"),
        }
        for name in SERVICES
    }


def disk() -> dict[str, Any]:
    """Return how much room the state folder has: ``path``, ``free_bytes``, and whether that is ``enough``."""
    place = next(path for path in (home(), *home().parents) if path.exists())
    free = shutil.disk_usage(place).free
    return {"path": str(home()), "free_bytes": free, "enough": free >= _MINIMUM_FREE_BYTES}


def login() -> tuple[str, str, str]:
    """Return Airflow's address, user and password.

    :raises WorldError: when there is no world yet.
    """
    return ports.url("airflow"), ADMIN, _known_secrets()["airflow_admin_password"]


def run_airflow(arguments: Sequence[str]) -> NoReturn:
    """Become Airflow's own command, with this world's database, connections and DAGs.

    :param arguments: what it is to do, such as ``dags list``.
    :raises WorldError: when there is no world yet.
    """
    secrets = _known_secrets()
    environment = {**base_environment(secrets), **airflow_environment(secrets)}
    os.execve(sys.executable, [sys.executable, "-m", "airflow", *arguments], environment)  # noqa: S606


def _known_secrets() -> dict[str, str]:
    if not secret_store.secret_file().exists():
        raise NoWorldError(f"there is no world in {home()} yet: `pinpipe up` makes it")
    return secret_store.load()


def _programs() -> list[Program]:
    python = sys.executable
    airflow = [python, "-m", "airflow"]
    ministack = {
        "GATEWAY_PORT": str(ports.port("ministack")),
        "BIND_HOST": ports.HOST,
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(home() / "ministack" / "s3"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(home() / "ministack" / "state"),
        "IOT_MTLS_ENABLED": "0",  # it would listen on every interface
        "MINISTACK_MSK_BOOTSTRAP": f"{ports.HOST}:{ports.port('kafka')}",
    }
    return [
        # SIGINT is PostgreSQL's fast shutdown: SIGTERM would wait for every client.
        Program("postgres", postgres.command(), user=postgres.run_as(), stop_signal="INT"),
        Program("kafka", [python, "-m", "local.kafka"], stop_wait_s=30),
        Program("ministack", [python, "-m", "local.ministack"], ministack),
        Program("databricks", [python, "-m", "local.databricks"]),
        Program("kafka_rest", [python, "-m", "local.kafka_rest"], stop_wait_s=35),
        Program("connect", [python, "-m", "local.connect"], stop_wait_s=35),
        Program("gateway", [python, "-m", "local.gateway"]),
        Program("airflow-api-server", [*airflow, "api-server"]),
        Program("airflow-scheduler", [*airflow, "scheduler", "--skip-serve-logs"]),
        Program("airflow-dag-processor", [*airflow, "dag-processor"]),
        Program("airflow-triggerer", [*airflow, "triggerer", "--skip-serve-logs"]),
    ]


def _prepare(secrets: dict[str, str]) -> None:
    for folder in ("ministack/s3", "ministack/state", "airflow/logs"):
        (home() / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    passwords = f'{{"{ADMIN}": "{secrets["airflow_admin_password"]}"}}'
    secret_store.write_private(home() / "airflow" / "passwords.json", passwords)
    try:
        postgres.prepare(secrets["postgres_password"])
    except (RuntimeError, subprocess.SubprocessError) as error:
        raise WorldError(str(error)) from error


def _migrate_airflow(secrets: dict[str, str]) -> None:
    log = log_folder() / "airflow-migrate.log"
    with log.open("w") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env={**base_environment(secrets), **airflow_environment(secrets)},
            stdout=stream,
            stderr=subprocess.STDOUT,
            timeout=300,
        )
    if done.returncode:
        raise WorldError(f"Airflow's database could not be migrated: see {log}")


def _upload_spark_jobs(supervisor: Supervisor, secrets: dict[str, str], progress: Progress) -> None:
    from local.spark_wheel import remove_old_wheels, upload_spark_wheel

    path = spark_wheel_path()
    pid = supervisor.pid()
    if pid and psutil.Process(pid).environ().get(VARIABLE) != path:
        progress("the Spark jobs have changed since the world was started: `make down`, then `make up` takes them over")
        return
    to = (path, ports.url("databricks"), secrets["databricks_token"])
    new = upload_spark_wheel(*to)
    if not os.environ.get(VARIABLE) and remove_old_wheels(*to) and new:
        progress("  they have changed: `pinpipe run provision` lets the jobs run with them")


def _wait_for(names: tuple[str, ...], supervisor: Supervisor, secrets: dict[str, str], progress: Progress) -> None:
    """Wait until all of ``names`` are healthy, telling each one as it gets so."""
    deadline = time.monotonic() + _READY_WITHIN_S
    waiting = list(names)
    while waiting:
        waits_for(progress, waiting, len(names) - len(waiting), len(names))
        answers = health.check(waiting, secrets)
        states = supervisor.states()
        for name in [name for name in waiting if answers[name].healthy and states[name]["statename"] == "RUNNING"]:
            progress(f"  {name} is ready")
            waiting.remove(name)
        if waiting and time.monotonic() > deadline:
            reasons = "; ".join(f"{name}: {answers[name].detail}" for name in waiting)
            raise WorldError(f"not healthy after {_READY_WITHIN_S} s: {reasons}. Their logs are in {log_folder()}")
        if waiting:
            time.sleep(0.5)


def _stop(supervisor: Supervisor) -> None:
    if supervisor.running():
        pid = supervisor.pid()
        # What needs others goes first, or its last minute is spent on errors about them.
        for group in (AIRFLOW, EDGES, FOUNDATIONS):
            supervisor.stop_programs(group)
        supervisor.shutdown()
        if pid and psutil.pid_exists(pid):
            try:
                psutil.Process(pid).wait(timeout=90)
            except psutil.NoSuchProcess:
                pass
            except psutil.TimeoutExpired as error:
                raise WorldError(f"the supervisor (pid {pid}) is still stopping after 90 s: try again") from error
    _stop_leftovers()
    taken = [name for name in ports.services() if not _is_free(ports.port(name))]
    if taken:
        raise WorldError(f"still listening after the stop: {', '.join(f'{n} on {ports.port(n)}' for n in taken)}")


def _stop_leftovers() -> None:
    """End processes of this world that no supervisor holds any more, told by their ``PINPIPE_HOME``."""
    left = list(_processes_of_this_world())
    for process in left:
        with _vanished_is_fine():
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(left, timeout=15)
    for process in alive:
        with _vanished_is_fine():
            process.kill()
    _, alive = psutil.wait_procs(alive, timeout=5)
    if alive:
        raise WorldError(f"these processes do not end: {[process.pid for process in alive]}")


def _processes_of_this_world() -> Iterator[psutil.Process]:
    mine = {process.pid for process in psutil.Process().parents()} | {os.getpid()}
    server = postgres.folder() / "data"
    for process in psutil.process_iter():
        if process.pid in mine:
            continue
        try:
            belongs = process.environ().get("PINPIPE_WORLD") == str(home())
            if belongs or str(server) in process.cmdline():
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue


@contextmanager
def _vanished_is_fine() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        return


def _check_machine() -> None:
    """Say all that stands in the way at once, before anything is started."""
    problems = []
    for name in ports.services():
        number = ports.port(name)
        if not _is_free(number):
            problems.append(
                f"port {number} ({name}) is taken by {_owner(number)}: stop it, or set PINPIPE_PORT_OFFSET=2000"
            )
    make_home()
    room = disk()
    if not room["enough"]:
        problems.append(
            f"{home()} has {room['free_bytes'] / 1024**3:.1f} GiB free, at least 2 are needed: make room, or move it "
            "by PINPIPE_HOME"
        )
    for file, way_out in (
        (ROOT / ".tools/jars/kafka", "make install"),
        (ROOT / ".venv-spark/bin/python", "make install"),
    ):
        if not file.exists():
            problems.append(f"{file} is missing: run `{way_out}`")
    if shutil.which("java") is None:
        problems.append("there is no Java: run `make install`, or install Java 17")
    if problems:
        raise WorldError("\n".join(problems))


def _check_source(supervisor: Supervisor, secrets: dict[str, str]) -> None:
    """See that a running world reads from the source database that is asked for now."""
    name = "AIRFLOW_CONN_PINPIPE_SOURCE"
    pid = supervisor.pid()
    if pid and psutil.Process(pid).environ().get(name) != airflow_environment(secrets)[name]:
        raise WorldError(
            f"the world runs with another source database than {OWN_SOURCE} names now: `make down` first, then start "
            "it again"
        )


def _is_free(number: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ports.HOST, number))
        except OSError:
            return False
    return True


def _owner(number: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == number and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    return "another program"


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    make_home()
    lock = FileLock(f"{home()}.lock")
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise WorldError(f"another command is starting or stopping the world in {home()}: wait for it") from error
