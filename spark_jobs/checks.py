"""The rules of the data sets as Spark expressions: a record's texts to clean values and the names of the rules broken.

Batch and stream share them; which rules there are is data (:mod:`include.schema`).
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from include import schema
from include.schema import RESCUED_COLUMN, UNPARSABLE, CleanColumn, Dataset
from spark_jobs import fields
from spark_jobs.conversions import converted, stripped

NAMES = "names"  # the column that has the names of the line's fields

_AHEAD = "INTERVAL 24 HOURS"  # how far a moment in a record may lie after the record's log timestamp


def with_checks(records: DataFrame, dataset: Dataset) -> DataFrame:
    """Replace ``record`` by what cleaning makes of it: adds the columns that :func:`verdict` describes.

    :param records: has ``value`` (the line), ``record`` (struct of its texts, or NULL), ``addressed`` and
        ``ingested_at``.
    """
    of_texts = {**texts(dataset, F.col("record")), NAMES: fields.names()}
    of_values = values(dataset)
    of_verdict = verdict(dataset, F.col("record").isNotNull())
    judged = records.withColumns(of_texts).withColumns(of_values).withColumns(of_verdict)
    return judged.drop("record", *of_texts, *of_values)


# Texts, values and verdict are computed one after the other, each from the columns that the one before has named:
# in one expression each text would be parsed again wherever it is needed.


def texts(dataset: Dataset, record: Column) -> dict[str, Column]:
    """Return the text of each source column: stripped, NULL where it is empty or a placeholder.

    :param record: the struct of texts.
    """
    return {_text_of(dataset, c): _without_placeholders(stripped(record[c.name]), c) for c in dataset.columns}


def values(dataset: Dataset) -> dict[str, Column]:
    """Return the value of each source column, from its text, and what the texts were on the wire, from ``value``."""
    text_columns = {c.name: F.col(_text_of(dataset, c)) for c in dataset.columns if not c.convertible}
    return {
        **{
            _value_of(dataset, c): converted(c, F.col(_text_of(dataset, c)), dataset.clean_type(c.name))
            for c in dataset.columns
        },
        _wire_of(dataset): fields.wire_values(dataset, text_columns),
    }


def verdict(dataset: Dataset, parsed: Column) -> dict[str, Column]:
    """Return what cleaning makes of a record, from its line, its texts and values, and :data:`NAMES`.

    That is ``rules`` (names of all rules broken, in the order of the source's columns; empty for a good row), ``key``
    (the clean key as text, else what stands in its place, NULL if nothing does), ``unexpected`` (names of the columns
    whose value is none of those known) and ``content`` (a struct of the clean columns and the rescued one; of use where
    no rule is broken).

    :param parsed: whether there is a record at all.
    """
    columns, key = dataset.columns, dataset.column(dataset.clean_key.sources[0])
    broken = F.array_compact(F.array(*(_broken(column, dataset) for column in columns)))
    return {
        "rules": F.when(parsed & F.col("addressed"), broken).otherwise(F.array(F.lit(UNPARSABLE.name))),
        "key": F.coalesce(_clean(dataset.clean_key, dataset).cast("string"), F.col(_text_of(dataset, key))),
        "unexpected": F.array_compact(F.array(*(_unexpected(c, dataset) for c in columns if c.expected))),
        "content": F.struct(
            *(_clean(column, dataset).alias(column.name) for column in dataset.clean),
            fields.rescued(dataset, F.col(NAMES)).alias(RESCUED_COLUMN),
        ),
    }


def _text_of(dataset: Dataset, column: schema.Column) -> str:
    return f"{dataset.name} {column.name} text"


def _value_of(dataset: Dataset, column: schema.Column) -> str:
    return f"{dataset.name} {column.name} value"


def _wire_of(dataset: Dataset) -> str:
    return f"{dataset.name} wire"


def _without_placeholders(text: Column, column: schema.Column) -> Column:
    return F.when(~text.isin("", *column.null_when), text)


def _broken(column: schema.Column, dataset: Dataset) -> Column:
    """Return the name of the rule that the column breaks, or NULL."""
    text, value = F.col(_text_of(dataset, column)), F.col(_value_of(dataset, column))
    rule = F.when(text.isNull(), _missing(column))
    parsable = value.isNotNull() if column.convertible else fields.is_text(F.col(_wire_of(dataset)), column.name)
    rule = rule.when(~parsable, f"{column.name}_unparsable")
    if column.bounded:
        rule = rule.when(_outside(column, value), f"{column.name}_out_of_range")
    return rule


def _missing(column: schema.Column) -> Column:
    """Return the name of the rule that the column breaks by its lack of a text, or NULL."""
    missing = F.lit(f"{column.name}_missing")
    if column.optional:
        return F.lit(None)
    return F.when(~F.array_contains(NAMES, column.name), missing) if column.nullable else missing


def _outside(column: schema.Column, value: Column) -> Column:
    if column.earliest is not None:
        earliest = F.lit(f"{column.earliest}Z").cast("timestamp")
        return (value < earliest) | (value > F.col("ingested_at") + F.expr(_AHEAD))
    outside = F.lit(False)
    if column.minimum is not None:
        outside = outside | (value < column.minimum)
    if column.maximum is not None:
        outside = outside | (value > column.maximum)
    return outside


def _unexpected(column: schema.Column, dataset: Dataset) -> Column:
    return F.when(~F.col(_value_of(dataset, column)).isin(*column.expected), column.name)


def _clean(column: CleanColumn, dataset: Dataset) -> Column:
    values = [F.col(_value_of(dataset, dataset.column(source))) for source in column.sources]
    if len(values) == 1:
        return values[0].try_cast(column.type)
    return F.array(*values) if column.type.startswith("array") else F.concat_ws(" ", *values)
