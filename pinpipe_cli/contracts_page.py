"""Writes ``docs/contracts.md`` from the contracts: the raw columns of each data set and the rules that they can break.

``python -m pinpipe_cli.contracts_page`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from include.schema import RESCUED_COLUMN, Column, Dataset, datasets
from local.home import ROOT
from pinpipe_cli.markdown import table

PAGE = ROOT / "docs" / "contracts.md"
COMMAND = "make docs"


def page() -> str:
    """Return the page's text."""
    parts = [
        "# Contracts",
        f"<!-- Generated from include/schemas by `{COMMAND}`: change a contract there, then run it. -->",
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
    text = page()
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is not what the contracts say: run `{COMMAND}` and commit it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
