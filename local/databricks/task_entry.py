"""Runs a task's code inside the job's own interpreter; started by path, with nothing but the standard library.

Arguments: the file for the outcome, then ``wheel <package> <entry point>`` or ``file <path>``, then the task's own.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> int:
    """Run the task and return the exit status: 0, or 1 after writing ``{"error", "error_trace"}`` as the outcome."""
    outcome_file, kind, *rest = arguments
    try:
        if kind == "wheel":
            package, name, *sys.argv[1:] = rest
            sys.argv[0] = name
            # As on Databricks, what the function returns does not matter: only an exception is a failure.
            entry_point(package, name)()
        else:
            path, *sys.argv[1:] = rest
            sys.argv[0] = path
            runpy.run_path(path, run_name="__main__")
    except SystemExit as ended:
        if ended.code in (None, 0):
            return 0
        _fail(outcome_file, ended)
        return 1
    except BaseException as error:
        _fail(outcome_file, error)
        return 1
    return 0


def entry_point(package: str, name: str) -> Any:
    """Return the function of a wheel task: the package's entry point ``name``, else its attribute ``name``.

    :raises AttributeError: when there is neither; names those there are.
    """
    try:
        declared = importlib.metadata.distribution(package).entry_points
    except importlib.metadata.PackageNotFoundError:
        declared = importlib.metadata.EntryPoints()
    for candidate in declared:
        if candidate.name == name:
            return candidate.load()
    try:
        return getattr(importlib.import_module(package), name)
    except (ImportError, AttributeError) as error:
        names = ", ".join(sorted(candidate.name for candidate in declared)) or "none"
        raise AttributeError(f"package {package!r} has no entry point {name!r} (it declares: {names})") from error


def _fail(outcome_file: str, error: BaseException) -> None:
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    sys.stderr.write(trace)
    Path(outcome_file).write_text(json.dumps({"error": _in_short(error), "error_trace": trace}), encoding="utf-8")


def _in_short(error: BaseException) -> str:
    # A Java exception brings its stack along in its message.
    lines = "".join(traceback.format_exception_only(type(error), error)).splitlines()
    return "\n".join(
        line for line in lines if line.strip() and not line.startswith(("\tat ", "\t... ", "\tSuppressed"))
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
