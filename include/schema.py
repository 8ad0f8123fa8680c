"""The data sets as data: source columns, conversions, placeholders, bounds and clean columns.

One description serves the generator, the source reader, batch and stream cleaning, and the docs: the contract of each
data set (:mod:`include.contracts`) says what is on the wire, ``schemas/<data set>.yaml`` how it is cleaned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

from include.contracts import contract, openapi_schema
from include.value_forms import FORMS, differences, form

DATASETS = ("pin", "geo", "user")
RESCUED_COLUMN = "_rescued_data"  # of a clean row: the fields that its record had and its contract does not know
WHITE_SPACE = "".join(character for character in map(chr, range(0x10000)) if character.isspace())  # docs/data.md


@dataclass(frozen=True)
class Rule:
    """A way in which a row can be wrong; a row that breaks one goes to the quarantine table.

    :param name: what stands in the quarantine table and in receipts, e.g. ``age_out_of_range``.
    :param column: the source column, ``None`` where the rule is about the whole row.
    :param reason: what is wrong, for people.
    """

    name: str
    column: str | None
    reason: str


UNPARSABLE = Rule("unparsable", None, "the line is not one JSON object with the address of its record")
UNKNOWN_TABLE = Rule("unknown_table", None, "neither the stream nor the partition key tells the table")


@dataclass(frozen=True)
class Column:
    """One source column and how its text is cleaned.

    :param name: column name in the source table and on the wire.
    :param type: conversion, one of ``text``, ``uuid``, ``whole_number``, ``number``, ``timestamp``,
        ``follower_count``.
    :param sql: type in the source table: ``integer``, ``float``, ``string`` (at most 255 characters),
        ``text`` or ``datetime``.
    :param null_when: placeholders that become NULL; a column without any may not be empty or NULL, but an optional one.
    :param optional: whether a record may do without the column.
    :param minimum: smallest number allowed, inclusive.
    :param maximum: largest number allowed, inclusive.
    :param earliest: first moment allowed (ISO 8601, UTC); the last is the log timestamp + 24 h.
    :param expected: known values; another one is kept and counted as a warning.
    :param strip_prefix: a prefix that cleaning removes.
    :param renamed: the clean column's name where it differs.
    """

    name: str
    type: str
    sql: str
    null_when: tuple[str, ...] = ()
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    earliest: str | None = None
    expected: tuple[str, ...] = ()
    strip_prefix: str | None = None
    renamed: str | None = None

    @property
    def nullable(self) -> bool:
        """Whether cleaning may leave the column NULL."""
        return self.optional or bool(self.null_when)

    @property
    def convertible(self) -> bool:
        """Whether the column's text has to be converted."""
        return self.type != "text"

    @property
    def bounded(self) -> bool:
        """Whether the converted value has to lie within bounds."""
        return self.minimum is not None or self.maximum is not None or self.earliest is not None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that the column can break: a row breaks at most one of them."""
        rules = []
        if not self.optional:
            missing = "is not there; it may be empty or NULL" if self.nullable else "is empty, NULL or not there"
            rules.append(Rule(f"{self.name}_missing", self.name, f"{self.name} {missing}"))
        reason = f"{self.name} is not {FORMS[self.type].told}"
        rules.append(Rule(f"{self.name}_unparsable", self.name, reason))
        if self.earliest is not None:
            reason = f"{self.name} is before {self.earliest} or more than 24 h after the record's log timestamp"
            rules.append(Rule(f"{self.name}_out_of_range", self.name, reason))
        elif self.bounded:
            reason = f"{self.name} is not within {self.minimum} and {self.maximum}"
            rules.append(Rule(f"{self.name}_out_of_range", self.name, reason))
        return tuple(rules)


@dataclass(frozen=True)
class CleanColumn:
    """One column of a clean table: its name, Spark SQL type and the source columns it is made from."""

    name: str
    type: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """One of the three data sets of a post.

    :param contract: the JSON Schema of its records as they are sent, of the version in use.
    """

    name: str
    version: int
    contract: Mapping[str, Any] = field(hash=False, compare=False, repr=False)
    source_table: str
    post_number: str
    key: str
    columns: tuple[Column, ...]
    clean: tuple[CleanColumn, ...]

    def column(self, name: str) -> Column:
        """Return the source column called ``name``; raises ``KeyError`` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"data set {self.name!r} has no column {name!r}: it has {[c.name for c in self.columns]}")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules of the data set: of the whole row, then of each column in the source's order."""
        return (UNPARSABLE, *(rule for column in self.columns for rule in column.rules))

    @property
    def clean_key(self) -> CleanColumn:
        """The clean column of which a day holds each value once."""
        return next(column for column in self.clean if self.key in column.sources)

    @property
    def nullable_clean(self) -> tuple[str, ...]:
        """The names of the clean columns that may be NULL."""
        return tuple(
            column.name for column in self.clean if any(self.column(source).nullable for source in column.sources)
        )

    def clean_type(self, source: str) -> str | None:
        """Return the type of the clean column made from this source column alone, ``None`` if there is none."""
        return next((column.type for column in self.clean if column.sources == (source,)), None)


@cache
def dataset(name: str) -> Dataset:
    """Return the data set ``name`` (``pin``, ``geo`` or ``user``)."""
    if name not in DATASETS:
        raise KeyError(f"no data set {name!r}: there are {', '.join(DATASETS)}")
    text = resources.files("include").joinpath("schemas", f"{name}.yaml").read_text(encoding="utf-8")
    return _from_mapping(yaml.safe_load(text))


def datasets() -> tuple[Dataset, ...]:
    """Return all data sets, in the order pin, geo, user."""
    return tuple(dataset(name) for name in DATASETS)


def openapi_schemas() -> dict[str, str]:
    """Return the contracts in use as schemas of OpenAPI, JSON texts by the mark that asks for each."""
    return {f"{of.name}_contract": json.dumps(openapi_schema(dict(of.contract))) for of in datasets()}


def _column(name: str, sent: Mapping[str, Any], cleaned: Mapping[str, Any], *, optional: bool) -> Column:
    """Return a column.

    :param sent: what the contract says of it.
    :param cleaned: what is declared of its cleaning.
    :param optional: whether a record may do without it.
    :raises ValueError: when the contract does not say how its values are read.
    """
    if sent.get("x-conversion") not in FORMS:
        raise ValueError(
            f"column {name!r} of the contract has the x-conversion {sent.get('x-conversion')!r}: give one of "
            f"{', '.join(FORMS)}"
        )
    # Other bounds are those of the conversion.
    bounds = ("minimum", "maximum") if sent["x-conversion"] == "number" else ()
    return Column(
        name=name,
        type=sent["x-conversion"],
        null_when=tuple(sent.get("x-null-when", ())),
        optional=optional,
        expected=tuple(sent.get("x-expected", ())),
        earliest=sent.get("x-earliest"),
        **{bound: sent[bound] for bound in bounds if bound in sent},
        **cleaned,
    )


def _from_mapping(declared: Mapping[str, Any]) -> Dataset:
    sent = contract(declared["dataset"], declared["version"])
    _require_same_columns(declared, sent)
    columns = tuple(
        _column(name, of, declared["columns"][name], optional=name not in sent["required"])
        for name, of in sent["properties"].items()
    )
    of = Dataset(
        name=declared["dataset"],
        version=declared["version"],
        contract=sent,
        source_table=declared["source_table"],
        post_number=declared["post_number"],
        key=declared["key"],
        columns=columns,
        clean=tuple(_clean_column(declared["dataset"], column, columns) for column in declared["clean"]),
    )
    _require_what_rules_judge_by(of)
    return of


def _clean_column(data_set: str, declared: Mapping[str, Any], columns: Sequence[Column]) -> CleanColumn:
    sources = {column.renamed or column.name: column.name for column in columns}
    name, made_from = declared["name"], declared.get("from")
    if not made_from and name not in sources:
        raise ValueError(
            f"{data_set}.yaml: the clean column {name!r} is made from none of the columns {', '.join(sources)}: add it "
            "to the contract's properties and to `columns`, or say by `from` what it is made from"
        )
    return CleanColumn(name, declared["type"], tuple(made_from or (sources[name],)))


def _require_same_columns(declared: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """See that contract and declaration of the cleaning name the same columns.

    :raises ValueError: names data set, columns and the way out.
    """
    name, version = declared["dataset"], declared["version"]
    cleaned, properties = declared["columns"].keys(), sent["properties"].keys()
    if lacking := [column for column in properties if column not in cleaned]:
        raise ValueError(
            f"data set {name!r}: its contract {name}.v{version}.json has columns that {name}.yaml does not declare: "
            f"{', '.join(lacking)}. Add each under `columns` with its type in the source table, such as "
            f"`{lacking[0]}: {{sql: text}}`, and under `clean` where the clean table is to have it"
        )
    if unknown := [column for column in (*cleaned, *sent["required"]) if column not in properties]:
        raise ValueError(
            f"data set {name!r}: its contract {name}.v{version}.json has no properties {', '.join(unknown)}, which "
            f"{name}.yaml declares or the contract itself requires: add them to its `properties`, or take them out"
        )


def _require_what_rules_judge_by(of: Dataset) -> None:
    """See that the contract says of each column what rules judge it by.

    :raises ValueError: names column, keyword, value and the way out.
    """
    for column in of.columns:
        said = of.contract["properties"][column.name]
        judged_by = form(column.type, of.clean_type(column.name))
        if found := differences(said, judged_by, column.null_when, nullable=column.nullable):
            raise ValueError(
                f"contract {of.name}.v{of.version}.json: column {column.name!r} says {'; '.join(found)}. Say what "
                f"rules judge by, or give the column another x-conversion than {column.type!r} ({', '.join(FORMS)}). "
                'A required column may be null if it has x-null-when: texts that stand for nothing, or [""] for the '
                "empty one alone"
            )
