"""A real server process on a port and a state folder of its own, and wheels whose jobs need no Spark."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="pinpipe-airflow-"))

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "the-token"
WHEEL = "/Volumes/test/artifacts/wheels/tiny-1-py3-none-any.whl"
TINY = '''
import json, os, signal, subprocess, sys, time
from pathlib import Path

def show():
    print("arguments", json.dumps(sys.argv[1:]))
    print("environment", json.dumps(dict(os.environ)))

def fail():
    print("about to fail")
    raise ValueError(f"no rows for {sys.argv[1]}")

def leave():
    sys.exit(3)

def killed():
    os.kill(os.getpid(), signal.SIGKILL)

def sleep(*children):
    """Write the ids of the processes that belong to this job, a child in a group of its own among them."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
    Path(sys.argv[1]).write_text(json.dumps([os.getpid(), other.pid, *(child.pid for child in children)]))
    time.sleep(600)

def sleep_stubbornly():
    """The same with a child that does not end when it is asked to."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()
    sleep(child)

def touch():
    with open(sys.argv[1], "a") as stream:
        stream.write(sys.argv[2] + "\\n")

def fail_until():
    """Fail until the file has as many lines as the second argument says."""
    touch()
    if len(Path(sys.argv[1]).read_text().splitlines()) < int(sys.argv[2]):
        raise RuntimeError("not yet")
'''


class Server:
    """A server process, and requests to it.

    :param home: its state folder.
    :param interpreter: runs the jobs.
    """

    def __init__(self, home: Path, interpreter: str = sys.executable) -> None:
        self.home = home
        self.interpreter = interpreter
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            **os.environ,
            "PINPIPE_HOME": str(self.home),
            "PINPIPE_PORT_OFFSET": str(self.port - 15090),
            "PINPIPE_DATABRICKS_TOKEN": TOKEN,
            "PINPIPE_CONNECT_PASSWORD": "not-for-jobs",
            "PYSPARK_PYTHON": self.interpreter,
            "PYTHONPATH": str(ROOT),
        }
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.databricks"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        wait_until(self._healthy, "the server serves", within_s=30)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process:
            self.process.send_signal(number)
            self.process.wait(timeout=30)
            self.process = None

    def log(self) -> str:
        return (self.home / "server.log").read_text()

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Call the Jobs API and return the answer."""
        answer = requests.request(
            method, f"{self.url}/api/2.2/jobs/{path}", json=body, headers=self.headers, timeout=10
        )
        assert answer.ok, answer.text
        return answer.json()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {TOKEN}"}

    def put(self, volume_path: str, content: bytes) -> None:
        """Store a file in a volume."""
        url = f"{self.url}/api/2.0/fs/files{volume_path}"
        answer = requests.put(url, data=content, headers=self.headers, timeout=10)
        assert answer.status_code == 204, answer.text

    def create(self, entry_point: str, *parameters: str, task: dict[str, Any] | None = None, **settings: Any) -> int:
        """Create a job of one task and return its id."""
        declared = wheel_task(entry_point, *parameters, **(task or {}))
        return self.call("POST", "create", **{"name": entry_point, "tasks": [declared], **settings})["job_id"]

    def run_now(self, job_id: int, **arguments: Any) -> int:
        return self.call("POST", "run-now", job_id=job_id, **arguments)["run_id"]

    def run(self, run_id: int) -> dict[str, Any]:
        return self.call("GET", "runs/get", run_id=run_id)

    def state(self, run_id: int) -> tuple[str, str | None]:
        state = self.run(run_id)["state"]
        return state["life_cycle_state"], state.get("result_state")

    def finished(self, run_id: int, within_s: float = 30) -> dict[str, Any]:
        """Wait until a run has finished and return it."""
        wait_until(
            lambda: self.state(run_id)[0] in ("TERMINATED", "SKIPPED", "INTERNAL_ERROR"), f"run {run_id} ends", within_s
        )
        return self.run(run_id)

    def output(self, run: dict[str, Any], task: int = 0) -> dict[str, Any]:
        return self.call("GET", "runs/get-output", run_id=run["tasks"][task]["run_id"])

    def _healthy(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.log()
        try:
            return requests.get(f"{self.url}/health", timeout=1).ok
        except requests.RequestException:
            return False


def wheel_task(entry_point: str, *parameters: str, **settings: Any) -> dict[str, Any]:
    return {
        "task_key": entry_point,
        "python_wheel_task": {"package_name": "tiny", "entry_point": entry_point, "parameters": list(parameters)},
        "libraries": [{"whl": WHEEL}],
        **settings,
    }


def wait_until(condition: Any, what: str, within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Return whether a process lives; one that ended and that nobody has asked for does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def lines_of(file: Path) -> list[str]:
    """Return the lines that jobs have added to a file."""
    return file.read_text().split() if file.exists() else []


def started_processes(file: Path, within_s: float = 20) -> list[int]:
    """Wait until a job has written the ids of its processes, and return them."""
    wait_until(lambda: file.exists() and file.read_text().endswith("]"), "the job's processes are up", within_s)
    return json.loads(file.read_text())


def tiny_wheel() -> bytes:
    scripts = ("show", "fail", "leave", "killed", "sleep", "sleep_stubbornly", "touch", "fail_until")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tiny_jobs.py", TINY)
        archive.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.4\nName: tiny\nVersion: 1\n")
        archive.writestr(
            "tiny-1.dist-info/entry_points.txt",
            "[console_scripts]\n" + "".join(f"{name} = tiny_jobs:{name}\n" for name in scripts),
        )
    return content.getvalue()


def start_server(home: Path) -> Server:
    """Start a server that has the tiny wheel."""
    server = Server(home)
    server.start()
    server.put(WHEEL, tiny_wheel())
    return server


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    server = start_server(tmp_path_factory.mktemp("databricks"))
    yield server
    server.stop()


@pytest.fixture
def server(shared_server, monkeypatch):
    """A running server, and the Airflow connection to it."""
    connection = {
        "conn_type": "databricks",
        "schema": "http",
        "host": "localhost",
        "port": shared_server.port,
        "password": TOKEN,
    }
    monkeypatch.setenv("AIRFLOW_CONN_DATABRICKS_DEFAULT", json.dumps(connection))
    return shared_server


@pytest.fixture
def own_server(tmp_path):
    """A server that the test may stop, kill and start again."""
    server = start_server(tmp_path)
    yield server
    server.stop()
