"""Writes a page for each kind of Airflow's extensions in the plugin, which MkDocs fills with their docstrings.

``python -m pinpipe_cli.code_pages`` writes ``docs/reference/{operators,sensors,triggers,hooks}.md``, ``--check`` only
says whether they are up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from local.home import ROOT
from pinpipe_cli.generated_page import note, write_or_check

FOLDER = ROOT / "docs" / "reference"
PACKAGE = "pinpipe_airflow"
_PLUGIN = ROOT / "plugins" / PACKAGE
KINDS = {
    "operators": "What a task of a DAG does. Arguments marked (templated) are rendered by Jinja.",
    "sensors": "What a task waits for; all of them are deferred to the triggerer meanwhile.",
    "triggers": "What the triggerer looks at while a task is deferred.",
    "hooks": "Who talks to a service: nobody else does.",
}


def page(kind: str) -> str:
    """Return the text of the page of ``operators``, ``sensors``, ``triggers`` or ``hooks``."""
    parts = [
        f"# {kind.capitalize()}",
        note(f"plugins/{PACKAGE}/{kind}", "a docstring there"),
        KINDS[kind],
    ]
    for module in sorted((_PLUGIN / kind).glob("*.py")):
        if module.stem != "__init__":
            parts += [f"## {module.stem}", f"::: {PACKAGE}.{kind}.{module.stem}"]
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with ``--check`` compare them with what is there; return the exit code."""
    return max(write_or_check(FOLDER / f"{kind}.md", page(kind), arguments, said_by="the plugin has") for kind in KINDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
