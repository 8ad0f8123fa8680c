"""What a receipt must say for a day to count as cleaned."""

from __future__ import annotations

from collections.abc import Mapping

from include.outcomes import OUTCOMES


def unbalanced(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return one sentence for every data set whose rows do not add up; none when all do.

    The rule: read = clean + redelivered + identical + superseded + quarantined.

    :param counts: per data set ``read`` and each outcome; an outcome that is left out counts 0.
    """
    return [
        f"{name}: {sizes['read']} read, {accounted} accounted for "
        f"({', '.join(f'{sizes.get(outcome, 0)} {outcome}' for outcome in OUTCOMES)})"
        for name, sizes in counts.items()
        if sizes["read"] != (accounted := sum(sizes.get(outcome, 0) for outcome in OUTCOMES))
    ]
