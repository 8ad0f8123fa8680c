"""What the benchmarks share: sizes, a folder of their own, and one local world at ports of its own."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.cost import Cost, run_metered
from local.process_environment import aws_environment

ROOT = Path(__file__).resolve().parent.parent
PORT_OFFSET = 2000
_PINPIPE_TIMEOUT_S = 600
# What a shell may set and what would lead the benchmarks to another world.
_UNWANTED = ("AIRFLOW", "PINPIPE", "AWS", "SPARK", "PYSPARK", "PYTHONPATH")


@dataclass
class Plan:
    """How the benchmarks run.

    Entered, it makes this process and what it starts speak to the benchmarks' world; left, it stops that world.

    :param folder: theirs; data made once is kept in it, and the state of their world.
    :param quick: whether sizes are small, which makes figures worthless but shows that the benchmarks work.
    :ivar provisioned: whether the world runs, and has been provisioned, since the plan was entered.
    """

    folder: Path
    quick: bool = False
    provisioned: bool = field(default=False, init=False)
    _started: bool = field(default=False, init=False, repr=False)
    _outside: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._outside = dict(os.environ)
        environment = self.environment
        os.environ.clear()
        os.environ.update(environment)
        os.environ.update(aws_environment())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._started:
                self.stop_world()
        finally:
            os.environ.clear()
            os.environ.update(self._outside)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of everything that speaks to the benchmarks' world."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_UNWANTED)}
        # A stream beside them would take the cores from what is measured; its own benchmark starts it.
        wish = {"PINPIPE_STREAM_WISH": "stopped"}
        return {**kept, **wish, "PINPIPE_HOME": str(self.home), "PINPIPE_PORT_OFFSET": str(PORT_OFFSET)}

    @property
    def home(self) -> Path:
        """The state folder of the benchmarks' world."""
        return self.folder / "world"

    @property
    def demo_home(self) -> Path:
        """The state folder of the world that :mod:`bench.demo` makes."""
        return self.folder / "demo-world"

    def ensure_world(self) -> None:
        """Make the world from nothing, start and provision it, unless that was done since the plan was entered."""
        if not self.provisioned:
            self.pinpipe("reset", "--yes")
            self.pinpipe("up")
            self.pinpipe("run", "provision")
            self.provisioned = True

    def stop_world(self) -> None:
        """Stop the world where one was made; it is made from nothing when it is next asked for."""
        self.provisioned = False
        if self.home.exists():
            self.pinpipe("down")

    def remove(self) -> None:
        """Stop the benchmarks' worlds and remove the folder with all that is in it."""
        for home in (self.home, self.demo_home):
            if home.exists():
                command: list[str | Path] = [ROOT / ".venv/bin/pinpipe", "reset", "--yes"]
                environment = {**self.environment, "PINPIPE_HOME": str(home)}
                run_metered(command, environment=environment, folder=ROOT, timeout_s=_PINPIPE_TIMEOUT_S)
        shutil.rmtree(self.folder)

    def gib(self) -> float:
        """Return the size of the folder."""
        files = (path.lstat() for path in self.folder.rglob("*"))
        return sum(file.st_blocks * 512 for file in files) / 2**30

    def pinpipe(self, *arguments: str) -> str:
        """Run the ``pinpipe`` command in the benchmarks' world and return what it printed.

        :raises RuntimeError: when it failed, with the end of what it said.
        """
        said, _ = self.pinpipe_metered(*arguments)
        return said

    def pinpipe_metered(self, *arguments: str) -> tuple[str, Cost]:
        """Do what :meth:`pinpipe` does, and return also what the command itself cost, without the world's services."""
        self._started = self._started or arguments[0] == "up"
        command: list[str | Path] = [ROOT / ".venv/bin/pinpipe", *arguments]
        return run_metered(command, environment=self.environment, folder=ROOT, timeout_s=_PINPIPE_TIMEOUT_S)
