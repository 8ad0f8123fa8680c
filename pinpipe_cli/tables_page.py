"""Writes ``docs/reference/tables.md`` from the declarations that the Spark jobs write the tables by.

``python -m pinpipe_cli.tables_page`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from include.questions import QUESTIONS, SERVING_VIEWS
from include.schema import DATASETS, RESCUED_COLUMN, Dataset, dataset
from include.table_columns import ADDRESS, PARTITION, columns
from local.home import ROOT
from pinpipe_cli.generated_page import note, write_or_check
from pinpipe_cli.markdown import table

PAGE = ROOT / "docs" / "reference" / "tables.md"

_OF_THE_RECORD = {
    PARTITION: "UTC day of the record's timestamp in its log; the tables are partitioned by it",
    "ingested_at": "that timestamp",
    "topic": "address of the record in Kafka",
    "partition": "the same",
    "offset": "the same",
    "stream": "address of the record in Kinesis",
    "shard": "the same",
    "sequence_number": "the same; a number of up to 56 digits",
    RESCUED_COLUMN: "fields that the contract does not know, as one JSON object",
}
_OF_QUARANTINE = {
    "data_set": "`pin`, `geo`, `user` or `unknown`",
    "key": "the key of the row, where it could be read",
    "rules": "every rule that the row broke, by name: see [Contracts](../contracts.md)",
    "raw": "the line as it came",
}
_OF_METRICS = {
    "data_set": "the data set that is counted",
    "metric": "`read`, `clean`, `redelivered`, `identical`, `superseded`, `quarantined`, `quarantined_by_rule`, "
    "`nulls`, `rescued`, `expectation_met`, or a warning",
    "detail": "the rule, column, expectation or unexpected value, where the metric has one",
    "value": "the count",
    "run_id": "the run that counted",
    PARTITION: "the day",
}


def page() -> str:
    """Return the page's text."""
    parts = [
        "# Tables",
        note("include/schemas and include/table_columns.py", "a declaration there"),
        "The clean tables are Delta tables in two layers: `batch`, of which `clean_batch` replaces a day as a whole, "
        "and `speed`, to which `clean_stream` appends. Both have the same columns but for the address of a row's "
        "record. Every column may be NULL as far as Delta is concerned: what must not be is what the rules are for. "
        "What they mean together is on [The data](../data.md#layers-and-views), the raw columns they are made from are "
        "on [Contracts](../contracts.md).",
    ]
    for name in DATASETS:
        parts += _clean(dataset(name))
    parts += ["## quarantine", "Rows that broke a rule.", _table(columns("batch", "quarantine"), _OF_QUARANTINE)]
    parts += ["## metrics", "What was counted of a day.", _table(columns("batch", "metrics"), _OF_METRICS)]
    parts += [
        "## The address in the speed layer",
        "In place of " + ", ".join(f"`{name}`" for name, _ in ADDRESS["batch"]) + ":",
        _table(ADDRESS["speed"], {}),
        "## serving",
        f"Views of the same rows, one for each key over all days: {_listed(SERVING_VIEWS)}. A further column, `layer`, "
        "says which layer a row is from; `log_name`, `log_partition` and `log_position` are its address in either.",
        "## answers",
        "One table for each question, named as the question in small letters; "
        "[The data](../data.md#questions) has their columns.",
        table(("table", "question"), ((f"`answers.{q.table}`", q.title) for q in QUESTIONS)),
    ]

    return "\n\n".join(parts) + "\n"


def _clean(of: Dataset) -> Iterator[str]:
    yield f"## {of.name}"
    yield f"{of.contract['description'].split('. ')[0]}. Key: `{of.clean_key.name}`; source table `{of.source_table}`."
    made = {column.name: _made_from(column.sources, column.name in of.nullable_clean) for column in of.clean}
    yield _table(columns("batch", of.name), made)


def _made_from(sources: Sequence[str], nullable: bool) -> str:
    return f"from {_listed(sources)}" + ("; may be NULL" if nullable else "")


def _table(declared: Sequence[tuple[str, str]], told: dict[str, str]) -> str:
    known = {**_OF_THE_RECORD, **told}
    return table(("column", "type", "what it is"), ((f"`{name}`", f"`{kind}`", known[name]) for name, kind in declared))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` compare it with what is there; return the exit code."""
    return write_or_check(PAGE, page(), arguments, said_by="the declarations say")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
