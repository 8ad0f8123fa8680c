"""Quarantined rows by the rule that they break, with its reason and a few of the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from include.schema import DATASETS, UNKNOWN_TABLE, UNPARSABLE, dataset
from pinpipe_airflow.report.receipts import READ, CleanedDay, Sample

SAMPLES_SHOWN = 3


@dataclass(frozen=True)
class BrokenRule:
    """A rule that rows of a data set break.

    :param reason: what is wrong, for people.
    :param rows: rows that break it, over all days.
    :param share: of the data set's rows read on all days.
    :param newest_rows: rows that break it on the newest day.
    :param days: on how many days it was broken.
    :param first: the first of these days.
    :param last: the last of them.
    :param samples: some of the rows.
    """

    data_set: str
    rule: str
    reason: str
    rows: int
    share: float | None
    newest_rows: int
    days: int
    first: date
    last: date
    samples: tuple[Sample, ...]


def broken_rules(days: Sequence[CleanedDay], samples: Mapping[str, Mapping[str, Sequence[Sample]]]) -> list[BrokenRule]:
    """Return the rules that rows break, those that most rows break first.

    :param days: the cleaned days, newest first.
    :param samples: quarantined rows by data set and rule.
    """
    read: Counter[str] = Counter()
    rows: Counter[tuple[str, str]] = Counter()
    broken_on: dict[tuple[str, str], list[date]] = {}
    for day in days:
        for name in day.data_sets:
            read[name] += day.rows(name, READ)
        for name, rules in day.quarantined_by_rule.items():
            for rule, count in rules.items():
                if count:
                    rows[name, rule] += count
                    broken_on.setdefault((name, rule), []).append(day.day)
    return [
        BrokenRule(
            data_set=name,
            rule=rule,
            reason=reason(name, rule),
            rows=count,
            share=count / read[name] if read[name] else None,
            newest_rows=days[0].quarantined_by_rule.get(name, {}).get(rule, 0),
            days=len(broken_on[name, rule]),
            first=broken_on[name, rule][-1],
            last=broken_on[name, rule][0],
            samples=tuple(samples.get(name, {}).get(rule, ())[:SAMPLES_SHOWN]),
        )
        for (name, rule), count in sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    ]


def reason(data_set: str, rule: str) -> str:
    """Return what a rule says is wrong, for people; of one that is declared no more, just that."""
    return _reasons().get((data_set, rule)) or _reasons().get(("", rule)) or "declared by other rules than the present"


@cache
def _reasons() -> dict[tuple[str, str], str]:
    of_rows = {("", rule.name): rule.reason for rule in (UNPARSABLE, UNKNOWN_TABLE)}
    return of_rows | {(name, rule.name): rule.reason for name in DATASETS for rule in dataset(name).rules}
