"""What to do where so many of a day's rows break rules that what is sent must have changed, or its contract should.

A day is replaced as a whole: published, it would lose the good rows that an earlier cleaning of it has found.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F  # noqa: N812

from include.outcomes import QUARANTINED
from spark_jobs.day_counts import DataSetCounts
from spark_jobs.judging import Judged
from spark_jobs.missing_raw import REFUSE
from spark_jobs.raw_objects import DEAD_LETTER

# Platforms show some thousand characters of an error, and an alert its first line: that has all rules, and samples
# follow, the first of each data set before the second of any.
_RULES_SHOWN = 5
_SAMPLES_SHOWN = 3
_CHARACTERS_SHOWN = 120

log = logging.getLogger(__name__)


class TooManyQuarantinedError(RuntimeError):
    """More rows of a day break rules than the settings allow."""


@dataclass(frozen=True)
class QuarantineLimit:
    """How many rows of a data set and day may be quarantined.

    :param share: of the rows read, each record once, 0 to 1; of dead letters, whose data set is not known, of all rows
        of the day.
    :param rows: so many are allowed whatever their share.
    :param choice: what to do above both: ``refuse``, or ``accept``, which says so in a warning.
    """

    share: float = 1.0
    rows: int = 0
    choice: str = REFUSE


UNLIMITED = QuarantineLimit()


def above(counts: Mapping[str, DataSetCounts], limit: QuarantineLimit) -> dict[str, float]:
    """Return the quarantined share of each data set that has more quarantined rows than the limit allows."""
    of_day = sum(of.records for of in counts.values())
    records = {name: of_day if name == DEAD_LETTER else of.records for name, of in counts.items()}
    found = {name: of.outcomes[QUARANTINED] for name, of in counts.items()}
    return {
        name: rows / records[name]
        for name, rows in found.items()
        if rows > limit.rows and rows > limit.share * records[name]
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
        told = "; ".join(_told(name, share, counts[name]) for name, share in shares.items())
        samples = "\n".join(_samples({name: judged[name].rows for name in shares}, counts))
        raise TooManyQuarantinedError(
            f"day {day}: too many rows break rules ({told}; max_quarantined_share allows {limit.share:.1%}), so "
            "nothing was changed: the day is as it was. Mend what is sent, or the rules, and clean the day again; or "
            f'have the rows quarantined, with {{"day": "{day}", "too_many_quarantined": "accept"}} as the conf of '
            "clean_batch."
            f"\n{samples}"
        )
    for name, share in shares.items():
        log.warning("day %s: %.1f %% of %s are quarantined: accepted", day, 100 * share, name)
    return shares


def _told(name: str, share: float, counts: DataSetCounts) -> str:
    rules = [f"{rule} {rows}" for rule, rows in counts.rules.most_common(_RULES_SHOWN)]
    others = len(counts.rules) - len(rules)
    return f"{name} {share:.1%}: {', '.join(rules)}{f' and {others} other rules' if others else ''}"


def _samples(rows: Mapping[str, DataFrame], counts: Mapping[str, DataSetCounts]) -> Iterator[str]:
    """Yield quarantined rows for people: the first of each data set, then the second of each, and so on."""
    by_data_set = [_rows_of(of, _shown_rules(counts[name])) for name, of in rows.items()]
    for of_place in zip_longest(*by_data_set):
        yield from (_sample(row) for row in of_place if row)


def _rows_of(rows: DataFrame, rules: Sequence[str]) -> list[Row]:
    """Return some quarantined rows, each once: the first of each rule, then the second of each, and so on.

    :param rules: the rules, in one Spark job for all.
    """
    broken = rows.where(F.col("outcome") == QUARANTINED).select(
        F.explode("rules").alias("rule"),
        "rules",
        "topic",
        "partition",
        "offset",
        F.substring("raw", 1, _CHARACTERS_SHOWN + 1).alias("raw"),
    )
    place = F.row_number().over(Window.partitionBy("rule").orderBy("partition", "offset", "raw"))
    first = broken.where(F.col("rule").isin(*rules)).withColumn("place", place).where(F.col("place") <= _SAMPLES_SHOWN)
    found = sorted(first.collect(), key=lambda row: (row.place, rules.index(row.rule)))
    each_once = {(row.topic, row.partition, row.offset, row.raw): row for row in reversed(found)}
    return list(reversed(each_once.values()))[:_SAMPLES_SHOWN]


def _shown_rules(counts: DataSetCounts) -> list[str]:
    return [rule for rule, _ in counts.rules.most_common(_RULES_SHOWN)]


def _sample(row: Row) -> str:
    rules = ", ".join(row.rules[:_RULES_SHOWN]) + (", …" if len(row.rules) > _RULES_SHOWN else "")
    cut = "…" if len(row.raw) > _CHARACTERS_SHOWN else ""
    text = "".join(c if c.isprintable() else " " for c in row.raw[:_CHARACTERS_SHOWN])
    return f"  {row.topic}/{row.partition}/{row.offset} ({rules}): {text}{cut}"
