"""Prints the pins of a lock that a constraint file does not name: ``python -m local.other_pins CONSTRAINTS LOCK``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")


def pins(lines: Iterable[str]) -> dict[str, str]:
    """Return the version of each package that lines like ``name==version`` name, by normalised name."""
    found = (_PIN.match(line) for line in lines)
    return {normalized(pin["name"]): pin["version"] for pin in found if pin}


def normalized(name: str) -> str:
    """Return a package's name as it is compared.

    https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def other_pins(constraints: Iterable[str], lock: Iterable[str]) -> Iterator[str]:
    """Yield the lock's pins of the packages that the constraints leave open."""
    named = pins(constraints)
    for name, version in pins(lock).items():
        if name not in named:
            yield f"{name}=={version}"


if __name__ == "__main__":
    of_constraints, of_lock = (Path(name).read_text().splitlines() for name in sys.argv[1:])
    sys.stdout.writelines(f"{pin}\n" for pin in other_pins(of_constraints, of_lock))
