"""A figure: one measured number, what was wished for, and how it is written down."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {"<": operator.lt, "<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True)
class Want:
    """What a figure should be.

    :param comparison: ``<``, ``<=`` or ``>=``.
    :param value: the bound, in the figure's unit.
    """

    comparison: str
    value: float

    def met_by(self, value: float) -> bool:
        """Return whether ``value`` is as wanted."""
        return _COMPARISONS[self.comparison](value, self.value)

    def __str__(self) -> str:
        return f"{self.comparison} {self.value:g}"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    :param bench: the benchmark that measured it, as ``make bench ONLY=…`` names it.
    :param case: what was measured, for people: ``Spark, warm, 1,000,000 pins``.
    :param metric: of what the number is: ``rows per CPU second``.
    :param value: the number.
    :param unit: its unit: ``rows/CPU s``, ``s``, ``MiB``, ``x``.
    :param want: what it should be, where that was decided.
    :param detail: whatever explains the number: a breakdown, a cost (see :class:`bench.cost.Cost`), counts.
    """

    bench: str
    case: str
    metric: str
    value: float
    unit: str
    want: Want | None = None
    detail: dict[str, Any] | None = None

    @property
    def verdict(self) -> str:
        """``yes`` or ``NO`` where something was wanted, else nothing."""
        if self.want is None:
            return ""
        return "yes" if self.want.met_by(self.value) else "NO"

    def as_dict(self) -> dict[str, Any]:
        """Return the figure as the results file keeps it."""
        wanted = {"want": str(self.want), "met": self.want.met_by(self.value)} if self.want else {}
        return {
            "bench": self.bench,
            "case": self.case,
            "metric": self.metric,
            "value": round(self.value, 4),
            "unit": self.unit,
            **wanted,
            **({"detail": self.detail} if self.detail else {}),
        }
