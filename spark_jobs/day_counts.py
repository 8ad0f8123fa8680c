"""What became of a day's rows: the counts per data set, the equation that they must fulfil, warnings and metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.outcomes import OUTCOMES, REDELIVERED, SUPERSEDED
from include.schema import DATASETS, dataset


class EquationError(RuntimeError):
    """The rows read are not those cleaned, dropped and quarantined."""


@dataclass
class DataSetCounts:
    """Counts of one data set on one day.

    :param read: lines read.
    :param outcomes: rows by outcome.
    :param rules: quarantined rows by the rules that they break; a row counts under each.
    :param unexpected: clean rows by the column whose value is none of those known.
    :param of_another_day: rows whose log timestamp lies on another day than their object.
    :param nulls: clean rows by the column that is NULL in them.
    :param rescued: clean rows with fields that the contract does not know.
    """

    read: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)
    of_another_day: int = 0
    nulls: Counter[str] = field(default_factory=Counter)
    rescued: int = 0

    def add(self, outcome: str, rules: Iterable[str], unexpected: Iterable[str], other_day: bool, rows: int) -> None:
        """Count rows that share outcome, broken rules, unexpected columns and whether they are of another day."""
        self.outcomes[outcome] += rows
        for rule in rules:
            self.rules[rule] += rows
        for column in unexpected:
            self.unexpected[column] += rows
        self.of_another_day += rows if other_day else 0

    def as_receipt(self) -> dict[str, int]:
        """Return the counts under the names that receipts and the metrics table use."""
        return {"read": self.read, **{outcome: self.outcomes[outcome] for outcome in OUTCOMES}}

    def nulls_by_column(self, data_set: str) -> dict[str, int]:
        """Return how many clean rows are NULL in each column that may be."""
        return {column: self.nulls[column] for column in dataset(data_set).nullable_clean}

    @property
    def records(self) -> int:
        """Rows read, each record once: what shares are of. A raw object that is there twice must not halve them."""
        return self.read - self.outcomes[REDELIVERED]

    def superseded_above(self, share: float) -> bool:
        """Whether more than ``share`` of the records were replaced by a later, different one."""
        return self.outcomes[SUPERSEDED] > share * self.records


def check_equation(day: str, counts: Mapping[str, DataSetCounts]) -> None:
    """Make sure that read = clean + redelivered + identical + superseded + quarantined for every data set.

    :raises EquationError: with the numbers of each data set for which it does not hold.
    """
    wrong = [
        f"{name}: read {of.read}, but " + " + ".join(f"{outcome} {of.outcomes[outcome]}" for outcome in OUTCOMES)
        for name, of in counts.items()
        if of.read != of.outcomes.total() or not of.outcomes.keys() <= set(OUTCOMES)
    ]
    if wrong:
        raise EquationError(f"day {day}: rows got lost or doubled ({'; '.join(wrong)}); nothing was published")


def metric_rows(
    counts: Mapping[str, DataSetCounts], warnings: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, str, str | None, int]]:
    """Yield the day's rows of the metrics table: data set, metric, detail and value."""
    for name, of in counts.items():
        for metric, value in of.as_receipt().items():
            yield name, metric, None, value
        for rule, value in sorted(of.rules.items()):
            yield name, "quarantined_by_rule", rule, value
        if name in DATASETS:
            yield name, "rescued", None, of.rescued
            for column, value in of.nulls_by_column(name).items():
                yield name, "nulls", column, value
    for warning in warnings:
        yield warning["data_set"], warning["warning"], warning.get("value"), warning["count"]
