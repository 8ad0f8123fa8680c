"""Past days in Kafka, as if posts had been posted on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from pinpipe_cli.runs import run_dag

if TYPE_CHECKING:
    from pinpipe_cli.airflow_api import Airflow


def replay_history(
    api: Airflow, days: int, last: date | None, posts_per_day: int, seed: int, say: Callable[[str], None]
) -> list[str]:
    """Have `emulate_batch` replay past days, and return them, oldest first.

    :param days: how many.
    :param last: the last of them, ``None`` for yesterday.
    :param posts_per_day: posts of each day, drawn from the source.
    :param seed: the same seed makes the same records, which cleaning takes once.
    :param say: is told what happens, a line each.
    :raises pinpipe_cli.runs.RunFailed: when not every record was accepted.
    """
    conf = {"days": days, "day": last.isoformat() if last else None, "posts": posts_per_day, "seed": seed}
    run_id = run_dag(api, "emulate_batch", conf, say)
    receipt = api.xcom("emulate_batch", run_id, "emulate")
    replayed: list[str] = receipt["days"]
    records = sum(counts["posted"] for counts in receipt["records"].values())
    say(f"{len(replayed)} days, {replayed[0]} to {replayed[-1]}, have {records:,} more records")
    say(f"clean them: pinpipe backfill --from {replayed[0]} --to {replayed[-1]} --reprocess")
    return replayed
