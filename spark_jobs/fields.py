"""What a record has beside the columns of its contract, and what its texts were on the wire.

Which names an object has is a second look at its line, 5 % of the CPU that a line costs; all else is done for the few
lines that have something to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from include.schema import Dataset
from spark_jobs.records import KAFKA_FIELDS

_NO_TEXT = ("OBJECT", "ARRAY", "BOOLEAN")  # as schema_of_variant begins


def names() -> Column:
    """Return the names of the fields of the object ``value``, repeats among them; NULL where it is none."""
    return F.json_object_keys("value")


def rescued(dataset: Dataset, names: Column) -> Column:
    """Return the fields of the object ``value`` that the data set does not know, as one JSON object; NULL without any.

    Their JSON types stay; numbers are those of a variant: exact up to 38 digits, else a double. The fields are in the
    order of their names, of a repeated name the last counts, so equal fields are equal texts. The address is no field.
    What no variant holds, such as an object that has a name twice, is kept as text.

    :param names: :func:`names`.
    """
    known = [*(column.name for column in dataset.columns), *KAFKA_FIELDS]
    unknown = F.size(F.array_except(names, F.array(*map(F.lit, known)))) > 0
    return F.when(unknown, F.coalesce(_others("variant", known), _others("string", known)))


def wire_values(dataset: Dataset, texts: Mapping[str, Column]) -> Column:
    """Return the text columns of the object ``value`` as a struct of variants, NULL where all of them are texts.

    Parsing makes a text of whatever it finds. Nearly all lines show by their texts that there was nothing else.

    :param texts: stripped text by the name of the column, of all text columns.
    """
    perhaps = (text.substr(1, 1).isin("{", "[") | text.isin("true", "false") for text in texts.values())
    variants = ", ".join(f"`{name}`: variant" for name in texts)
    return F.when(reduce(or_, perhaps), F.from_json("value", f"struct<{variants}>"))


def is_text(wire_values: Column, name: str) -> Column:
    """Return whether a column was a text or a number on the wire; NULL where there is nothing to doubt.

    :param wire_values: :func:`wire_values`.
    :param name: of a text column that has a text.
    """
    kind = F.coalesce(F.schema_of_variant(wire_values[name]), F.lit(_NO_TEXT[0]))
    return F.when(wire_values.isNotNull(), ~reduce(or_, (kind.startswith(prefix) for prefix in _NO_TEXT)))


def _others(value_type: str, known: list[str]) -> Column:
    """Return the fields that are none of ``known``, their values as ``value_type``; NULL if one cannot be so."""
    entries = F.map_entries(F.from_json("value", f"map<string, {value_type}>"))
    unknown = F.filter(entries, lambda field: ~field["key"].isin(*known))
    placed = F.transform(
        unknown,
        lambda field, place: F.struct(field["key"].alias("name"), place.alias("place"), field["value"].alias("value")),
    )
    ordered = F.array_sort(placed, _by_name_and_place)
    # Each beside the next: one whose name comes again is none. A map that meets a name twice would be an error.
    last = F.zip_with(
        ordered,
        F.slice(ordered, F.lit(2), F.size(ordered)),
        lambda one, next_one: F.when(
            ~one["name"].eqNullSafe(next_one["name"]), F.struct(one["name"].alias("name"), one["value"].alias("value"))
        ),
    )
    return F.to_json(F.map_from_entries(F.array_compact(last)))


def _by_name_and_place(one: Column, other: Column) -> Column:
    return (
        F.when(one["name"] < other["name"], -1)
        .when(one["name"] > other["name"], 1)
        .otherwise(one["place"] - other["place"])
    )
