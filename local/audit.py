"""Holds the locks against known advisories: ``python -m local.audit``, by pip-audit and PyPI's own data.

Ends with 0 where nothing is known, 1 where something is, 2 where the data cannot be had: pip-audit itself says "no
known vulnerabilities" of packages that nobody could tell it anything about.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.home import ROOT

NOTHING_KNOWN, KNOWN, NO_DATA = 0, 1, 2
_TIMEOUT_S = 1_800


def lock_files() -> list[Path]:
    """Return the files that say which versions are installed: here by hash, by MWAA within constraints."""
    return sorted([*(ROOT / "locks").glob("*.lock"), *(ROOT / "locks").glob("constraints-*.txt")])


def verdict(report: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Return what pip-audit's report says: one of the three ends, and a line for each thing to be told.

    :param report: as ``pip-audit --format json`` gives it.
    """
    packages: Sequence[Mapping[str, Any]] = report["dependencies"]
    lines = [
        f"{package['name']} {package['version']}: {found['id']} ({', '.join(found['aliases']) or 'no other name'}), "
        f"mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for package in packages
        for found in package.get("vulns", [])
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown:
        lines.append(f"nothing could be learnt of {len(unknown)} of {len(packages)}: {', '.join(unknown[:5])} …")
    if any(package.get("vulns") for package in packages):
        return KNOWN, lines
    return (NO_DATA if unknown or not packages else NOTHING_KNOWN), lines


def audit(lock: Path) -> tuple[int, list[str]]:
    """Return what is known of the packages of a lock, as :func:`verdict` does."""
    hashes = ["--require-hashes"] if lock.suffix == ".lock" else ["--no-deps"]
    asked = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "pypi", "--format", "json", "--disable-pip"]
    done = subprocess.run(
        [*asked, *hashes, "--progress-spinner", "off", "--requirement", str(lock)],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
    )
    try:
        return verdict(json.loads(done.stdout))
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return NO_DATA, [f"pip-audit gave no report: {reason}"]


def main() -> int:
    """Audit all locks, print what was found, and return how it ended."""
    ends = []
    for lock in lock_files():
        end, lines = audit(lock)
        said = {NOTHING_KNOWN: "no known advisory", KNOWN: "known advisories", NO_DATA: "the data cannot be had"}[end]
        print(f"{lock.relative_to(ROOT)}: {said}", *lines, sep="\n  ")  # noqa: T201
        ends.append(end)
    # A known one is worse news than none to be had.
    return KNOWN if KNOWN in ends else max(ends)


if __name__ == "__main__":
    sys.exit(main())
