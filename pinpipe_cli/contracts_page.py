"""Writes ``docs/contracts.md`` from the contracts: the raw columns of each data set and the rules that they can break.

``python -m pinpipe_cli.contracts_page`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from include.schema import RESCUED_COLUMN, Column, Dataset, datasets
from local.home import ROOT
from pinpipe_cli.generated_page import note, write_or_check
from pinpipe_cli.markdown import table

PAGE = ROOT / "docs" / "contracts.md"


def page() -> str:
    """Return the page's text."""
    parts = [
        "# Contracts",
        note("include/schemas", "a contract there"),
        "What a record is, as it is sent to a topic or a stream. [The data](data.md#contracts) says what becomes of "
        "one that breaks its contract, and how a contract gets a new version. A field that none of these tables names "
        f"is kept in `{RESCUED_COLUMN}`.",
    ]
    for of in datasets():
        parts += [f"## {of.name}, version {of.version}", _head(of), table(_COLUMNS, _rows(of))]
    return "\n\n".join(parts) + "\n"


_COLUMNS = ("column", "on the wire", "bounds", "becomes NULL", "what it is", "rules")


def _head(of: Dataset) -> str:
    file = f"{of.name}.v{of.version}.json"
    return f"{of.contract['description']} [include/schemas/{file}](../include/schemas/{file})"


def _rows(of: Dataset) -> Iterable[Sequence[str]]:
    for column in of.columns:
        declared = of.contract["properties"][column.name]
        yield (
            f"`{column.name}`",
            _types(declared),
            _bounds(declared, column),
            ", ".join(f"`{text}`" for text in ("(empty)", *filter(None, column.null_when)))
            if column.nullable
            else "never",
            declared["description"],
            ", ".join(f"`{rule.name}`" for rule in column.rules),
        )


def _placeholders(column: Column) -> Iterable[str]:
    return dict.fromkeys(("", *column.null_when)) if column.nullable else ()


def _types(declared: Mapping[str, Any]) -> str:
    types = declared["type"]
    return " or ".join(types) if isinstance(types, list) else str(types)


def _bounds(declared: Mapping[str, Any], column: Column) -> str:
    told = [f"{name} {declared[name]}" for name in ("minimum", "maximum") if name in declared]
    told += [f"from {column.earliest}"] if column.earliest else []
    told += [f"known: {', '.join(column.expected)}"] if column.expected else []
    return "; ".join(told) or "none"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` compare it with what is there; return the exit code."""
    return write_or_check(PAGE, page(), arguments, said_by="the contracts say")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
