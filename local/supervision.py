"""Supervisor of the local world: its configuration, and the calls that start, watch and stop programs."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
import xmlrpc.client  # nosec B411 # what answers is this world's own supervisor, on loopback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local import ports
from local.home import ROOT, home
from local.secret_store import write_private

_USER = "pinpipe"


@dataclass(frozen=True)
class Program:
    """One process that supervisor keeps alive.

    :param name: the service's name; its log is ``logs/<name>.log``.
    :param command: what is run, in the foreground.
    :param environment: variables on top of those that every process has; no secrets: the file is readable by its
        owner only, but so is the process table by more.
    :param user: system user, where not the caller's own.
    :param stop_signal: what ends it cleanly.
    :param stop_wait_s: seconds until it is killed.
    """

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: str = "TERM"
    stop_wait_s: int = 20


class Supervisor:
    """The supervisor of one world; nothing is started by making this object."""

    def __init__(self, password: str) -> None:
        self._password = password

    @property
    def _folder(self) -> Path:
        return home() / "supervisor"

    @property
    def _pid_file(self) -> Path:
        return self._folder / "supervisord.pid"

    def start(self, programs: Iterable[Program], environment: dict[str, str]) -> None:
        """Start the supervisor with ``programs`` known, none of them running yet.

        :param environment: of supervisor and so of every program.
        :raises RuntimeError: when it does not come up, with its own words.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        log_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._folder / "supervisord.conf"
        write_private(file, self._configuration(programs))
        started = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(file)],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if started.returncode:
            raise RuntimeError(f"supervisor did not start: {(started.stderr or started.stdout).strip()}")
        deadline = time.monotonic() + 15
        while not self.running():
            if time.monotonic() > deadline:
                raise RuntimeError(f"supervisor did not answer within 15 s: see {log_folder() / 'supervisord.log'}")
            time.sleep(0.1)

    def running(self) -> bool:
        """Return whether the supervisor of this world answers."""
        try:
            state: Any = self._call().supervisor.getState()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return bool(state["statename"] == "RUNNING")

    def start_programs(self, names: Iterable[str]) -> None:
        """Start the named programs without waiting for them; running ones are left alone."""
        known = self.states()
        for name in names:
            if known[name]["statename"] not in ("RUNNING", "STARTING"):
                self._call().supervisor.startProcess(name, False)

    def restart(self, name: str) -> None:
        """Stop and start one program."""
        if self.states()[name]["statename"] in ("RUNNING", "STARTING"):
            self._call().supervisor.stopProcess(name, True)
        self._call().supervisor.startProcess(name, False)

    def stop_programs(self, names: Iterable[str]) -> None:
        """Stop the named programs side by side and wait until supervisor has ended each, by force if need be."""
        names = list(names)
        for name in names:
            if self.states()[name]["statename"] in ("RUNNING", "STARTING", "BACKOFF"):
                self._call().supervisor.stopProcess(name, False)
        while any(self.states()[name]["statename"] == "STOPPING" for name in names):
            time.sleep(0.1)

    def states(self) -> dict[str, dict[str, Any]]:
        """Return supervisor's own words on each program, by name: ``statename``, ``pid``, ``start``, ``spawnerr``."""
        answer: Any = self._call().supervisor.getAllProcessInfo()
        return {info["name"]: info for info in answer}

    def pid(self) -> int | None:
        """Return the supervisor's process id where its file names one."""
        try:
            return int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def shutdown(self) -> None:
        """Ask the supervisor to stop itself and what still runs, one program after the other; returns at once."""
        self._call().supervisor.shutdown()

    def _call(self) -> xmlrpc.client.ServerProxy:
        address = f"http://{_USER}:{self._password}@{ports.HOST}:{ports.port('supervisor')}/RPC2"
        return xmlrpc.client.ServerProxy(address, transport=_Transport(), allow_none=True)

    def _configuration(self, programs: Iterable[Program]) -> str:
        inet = f"{ports.HOST}:{ports.port('supervisor')}"
        sections = [
            "[supervisord]",
            f"logfile={_escaped(log_folder() / 'supervisord.log')}",
            f"pidfile={_escaped(self._pid_file)}",
            f"childlogdir={_escaped(log_folder())}",
            f"directory={_escaped(ROOT)}",
            "minfds=4096",
            "umask=077",  # what services write is for nobody else, wherever PINPIPE_HOME is
            *(["user=root"] if os.geteuid() == 0 else []),
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
            "[inet_http_server]",
            f"port={inet}",
            f"username={_USER}",
            f"password={self._password}",
        ]
        for program in programs:
            variables = ",".join(f'{name}="{_escaped(value)}"' for name, value in program.environment.items())
            sections += [
                f"[program:{program.name}]",
                "command=" + " ".join(f'"{_escaped(part)}"' for part in program.command),
                *([f"environment={variables}"] if variables else []),
                *([f"user={program.user}"] if program.user else []),
                f"stdout_logfile={_escaped(log_folder() / program.name)}.log",
                "stdout_logfile_maxbytes=50MB",
                "stdout_logfile_backups=2",
                "redirect_stderr=true",
                "autostart=false",
                "autorestart=true",
                "startsecs=1",
                "startretries=1000000",
                f"stopsignal={program.stop_signal}",
                f"stopwaitsecs={program.stop_wait_s}",
                "stopasgroup=false",
                "killasgroup=true",
            ]
        return "\n".join(sections) + "\n"


def log_folder() -> Path:
    """Return the one folder of the services' logs."""
    return home() / "logs"


def _escaped(value: object) -> str:
    text = str(value)
    if '"' in text or "\n" in text:
        raise ValueError(f"{text!r} holds a quote or a line break, which supervisor cannot take: move the checkout")
    return text.replace("%", "%%")


class _Transport(xmlrpc.client.Transport):
    """HTTP with a time limit: stopping a program takes as long as the program does."""

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = 60
        return connection
