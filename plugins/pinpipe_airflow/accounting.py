"""What a receipt must say for a day to count as cleaned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from pinpipe_airflow.stored_object import StoredObject

_OUTCOMES = ("clean", "redelivered", "identical", "superseded", "quarantined")


def unbalanced(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return one sentence for every data set whose rows do not add up; none when all do.

    The rule: read = clean + redelivered + identical + superseded + quarantined.

    :param counts: per data set ``read`` and each outcome; an outcome that is left out counts 0.
    """
    return [
        f"{name}: {sizes['read']} read, {accounted} accounted for "
        f"({', '.join(f'{sizes.get(outcome, 0)} {outcome}' for outcome in _OUTCOMES)})"
        for name, sizes in counts.items()
        if sizes["read"] != (accounted := sum(sizes.get(outcome, 0) for outcome in _OUTCOMES))
    ]


def inputs_fingerprint(receipts: Iterable[StoredObject]) -> str:
    """Return what stands for the cleaned days that the questions read: the same receipts give the same text.

    :param receipts: the ``clean_batch`` receipts as S3 lists them, in any order.
    """
    lines = sorted(f"{receipt.key}\x1f{receipt.etag}" for receipt in receipts)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
