"""A network namespace with cables to the machine around it, which can be pulled: what was sent is never answered."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

_TIMEOUT_S = 20


@dataclass(frozen=True)
class Cable:
    """A cable between the machine and a namespace.

    :param number: names its interfaces and its network.
    """

    number: int

    @property
    def outside(self) -> str:
        """Address of the machine at this cable."""
        return f"10.213.{self.number}.1"

    @property
    def _bridge(self) -> str:
        return f"ppbr{self.number}"

    def _plug(self, side: str) -> str:
        return f"pp{side}{self.number}"

    def lay(self, namespace: str) -> None:
        """Connect the namespace by way of a bridge, which notices nothing when the plug is pulled."""
        inside = f"10.213.{self.number}.2/24"
        for command in (
            f"ip link add {self._bridge} type bridge",
            # Its own address is that of a plug otherwise, and another as soon as that is pulled: then what the
            # namespace sends to the old one gets through nowhere even when the plug is back.
            f"ip link set {self._bridge} address 02:00:00:d5:00:{self.number:02x}",
            f"ip addr add {self.outside}/24 dev {self._bridge}",
            f"ip link set {self._bridge} up",
            f"ip link add {self._plug('a')} type veth peer name {self._plug('b')}",
            f"ip link set {self._plug('b')} netns {namespace}",
            f"ip -n {namespace} addr add {inside} dev {self._plug('b')}",
            f"ip -n {namespace} link set {self._plug('b')} up",
            f"ip link set {self._plug('a')} up",
        ):
            _run(command)
        self.plug_in()

    def pull(self) -> None:
        """Let nothing through any more; neither end is told."""
        _run(f"ip link set {self._plug('a')} nomaster")

    def plug_in(self) -> None:
        """Let everything through."""
        _run(f"ip link set {self._plug('a')} master {self._bridge}")

    def remove(self) -> None:
        """Take the cable away."""
        for name in (self._plug("a"), self._bridge):
            subprocess.run(["ip", "link", "del", name], capture_output=True, timeout=_TIMEOUT_S)


@contextmanager
def namespace(name: str, cables: int) -> Iterator[list[Cable]]:
    """Make a namespace with so many cables while the block runs; skip the test where nobody may.

    :param name: for ``ip netns exec``.
    """
    if os.geteuid() != 0:
        pytest.skip("only root may make a network namespace")
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, timeout=_TIMEOUT_S)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    laid = [Cable(number) for number in range(1, cables + 1)]
    try:
        _run(f"ip -n {name} link set lo up")
        for cable in laid:
            cable.lay(name)
        yield laid
    finally:
        for cable in laid:
            cable.remove()
        _run(f"ip netns del {name}")


def _run(command: str) -> None:
    done = subprocess.run(command.split(), capture_output=True, text=True, timeout=_TIMEOUT_S)
    assert done.returncode == 0, f"{command}: {done.stderr.strip()}"
