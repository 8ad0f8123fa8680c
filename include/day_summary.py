"""How a day's cleaning went, in few numbers: the same for the command line and for Airflow's page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any


def day_summary(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a day's receipt tells how it went."""
    counts = receipt["data_sets"].values()
    read, quarantined = (sum(sizes.get(what, 0) for sizes in counts) for what in ("read", "quarantined"))
    return {
        "day": date.fromisoformat(receipt["day"]).isoformat(),
        "finished_at": receipt["finished_at"],
        "read": read,
        "quarantined": quarantined,
        "quarantined_share": quarantined / read if read else None,
    }
