"""What to do where so many of a day's rows break rules that what is sent must have changed, or its contract should.

A day is replaced as a whole: published, it would lose the good rows that an earlier cleaning of it has found.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F  # noqa: N812

from include.outcomes import QUARANTINED
from spark_jobs.day_counts import DataSetCounts
from spark_jobs.judging import Judged
from spark_jobs.missing_raw import REFUSE
from spark_jobs.raw_objects import DEAD_LETTER

# Platforms show some thousand characters of an error.
_RULES_SHOWN = 5
_SAMPLES_SHOWN = 3
_CHARACTERS_SHOWN = 120

log = logging.getLogger(__name__)


class TooManyQuarantinedError(RuntimeError):
    """More rows of a day break rules than the settings allow."""


@dataclass(frozen=True)
class QuarantineLimit:
    """How many rows of a data set and day may be quarantined.

    :param share: of the rows read, 0 to 1; of dead letters, whose data set is not known, of all rows of the day.
    :param rows: so many are allowed whatever their share.
    :param choice: what to do above both: ``refuse``, or ``accept``, which says so in a warning.
    """

    share: float = 1.0
    rows: int = 0
    choice: str = REFUSE


UNLIMITED = QuarantineLimit()


def above(counts: Mapping[str, DataSetCounts], limit: QuarantineLimit) -> dict[str, float]:
    """Return the quarantined share of each data set that has more quarantined rows than the limit allows."""
    of_day = sum(of.read for of in counts.values())
    read = {name: of_day if name == DEAD_LETTER else of.read for name, of in counts.items()}
    found = {name: of.outcomes[QUARANTINED] for name, of in counts.items()}
    return {
        name: rows / read[name] for name, rows in found.items() if rows > limit.rows and rows > limit.share * read[name]
    }


def refuse_or_accept(
    limit: QuarantineLimit, day: str, counts: Mapping[str, DataSetCounts], judged: Mapping[str, Judged]
) -> dict[str, float]:
    """Return the share of each data set above the limit.

    :param day: UTC day, ``YYYY-MM-DD``.
    :param counts: of the day, by data set.
    :param judged: the day's judged rows, of which the error shows some.
    :raises TooManyQuarantinedError: with ``refuse``, where there is any such data set: names data sets, shares and
        limit, the rules with some of the rows, and the ways out.
    """
    shares = above(counts, limit)
    if shares and limit.choice == REFUSE:
        found = "\n".join(_told(name, share, counts[name], judged[name].rows) for name, share in shares.items())
        raise TooManyQuarantinedError(
            f"day {day}: too many rows break rules ({', '.join(f'{n} {s:.1%}' for n, s in shares.items())}; "
            f"max_quarantined_share allows {limit.share:.1%}), so nothing was changed: the day is as it was. Mend what "
            "is sent, or the rules, and clean the day again; or have the rows quarantined, with "
            f'{{"day": "{day}", "too_many_quarantined": "accept"}} as the conf of clean_batch.\n{found}'
        )
    for name, share in shares.items():
        log.warning("day %s: %.1f %% of %s are quarantined: accepted", day, 100 * share, name)
    return shares


def _told(name: str, share: float, counts: DataSetCounts, rows: DataFrame) -> str:
    shown = [rule for rule, _ in counts.rules.most_common(_RULES_SHOWN)]
    samples = _samples(rows, shown)
    lines = [f"{name}: {counts.outcomes[QUARANTINED]} of {counts.read} rows, {share:.1%}"]
    for rule in shown:
        lines.append(f"  {rule}: {counts.rules[rule]}")
        lines += [f"    {_sample(row)}" for row in samples.get(rule, ())]
    if len(counts.rules) > len(shown):
        lines.append(f"  and {len(counts.rules) - len(shown)} other rules")
    return "\n".join(lines)


def _samples(rows: DataFrame, rules: list[str]) -> dict[str, list[Row]]:
    """Return the first quarantined rows of each rule, in one Spark job."""
    broken = rows.where(F.col("outcome") == QUARANTINED).select(
        F.explode("rules").alias("rule"),
        "topic",
        "partition",
        "offset",
        F.substring("raw", 1, _CHARACTERS_SHOWN + 1).alias("raw"),
    )
    place = F.row_number().over(Window.partitionBy("rule").orderBy("partition", "offset", "raw"))
    first = broken.where(F.col("rule").isin(rules)).withColumn("place", place).where(F.col("place") <= _SAMPLES_SHOWN)
    found: dict[str, list[Row]] = {}
    for row in first.orderBy("rule", "place").collect():
        found.setdefault(row.rule, []).append(row)
    return found


def _sample(row: Row) -> str:
    cut = "…" if len(row.raw) > _CHARACTERS_SHOWN else ""
    text = "".join(c if c.isprintable() else " " for c in row.raw[:_CHARACTERS_SHOWN])
    return f"{row.topic}/{row.partition}/{row.offset}: {text}{cut}"
