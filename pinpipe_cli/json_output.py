"""The option ``--json``: one document on standard output, and nothing else there."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

OPTION = "--json"

AsJson = Annotated[
    bool, typer.Option(OPTION, help="One JSON document, for scripts; progress and errors go to standard error.")
]


def print_json(document: Any) -> None:
    """Print a document. Not by rich: it would colour and wrap what scripts read."""
    print(json.dumps(document, indent=2, ensure_ascii=False))
