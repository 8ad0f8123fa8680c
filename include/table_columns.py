"""The columns of the Delta tables of the batch and speed layers, for whoever writes or reads them."""

from __future__ import annotations

from include.schema import DATASETS, RESCUED_COLUMN, dataset

PARTITION = "ingest_date"
QUARANTINE = "quarantine"
ADDRESS = {  # of a record in its log, by layer
    "batch": (("topic", "string"), ("partition", "int"), ("offset", "bigint")),
    "speed": (("stream", "string"), ("shard", "string"), ("sequence_number", "string")),
}

_LOGGED = ((PARTITION, "date"), ("ingested_at", "timestamp"))
_RESCUED = ((RESCUED_COLUMN, "string"),)
_QUARANTINE = (("data_set", "string"), ("key", "string"), ("rules", "array<string>"), ("raw", "string"))
_METRICS = (
    ("data_set", "string"),
    # A count of the receipt (`read`, `clean` …), `quarantined_by_rule`, `nulls`, `rescued`, `expectation_met` (1 or 0),
    # or a warning (`unknown_<column>`, `superseded_share` …).
    ("metric", "string"),
    ("detail", "string"),  # the rule, column, expectation or unexpected value, where the metric has one
    ("value", "bigint"),
    ("run_id", "string"),
    (PARTITION, "date"),
)


def columns(layer: str, name: str) -> tuple[tuple[str, str], ...]:
    """Return the columns of a table in order: name and Spark SQL type.

    :param layer: ``batch`` or ``speed``.
    :param name: one of :data:`include.layout.BATCH_TABLES`.
    """
    if name == "metrics":
        return _METRICS
    if name not in DATASETS:
        return _QUARANTINE + _LOGGED + ADDRESS[layer]
    return tuple((c.name, c.type) for c in dataset(name).clean) + _LOGGED + ADDRESS[layer] + _RESCUED
