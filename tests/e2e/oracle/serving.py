"""What the serving views must show of both layers, in plain Python: loops and sets where the views join and rank.

A key that the batch layer read on a day, clean or quarantined, hides its speed rows of that day and of earlier ones. Of
what is left the latest day counts, then the order of the log: time, partition or shard, offset or sequence number, each
as a number. Of two pins with one `ind` the latest stays.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from tests.e2e.oracle.cleaning import Day, Row
from tests.e2e.oracle.contract import SOURCE_KEY

Quarantine = Iterable[tuple[str, str | None, date]]
"""Data set, key (None where it is unknown) and day of each quarantined row of the batch layer."""


def views(
    batch: Mapping[str, Iterable[Row]], quarantined: Quarantine, speed: Mapping[str, Iterable[Row]]
) -> dict[str, list[Row]]:
    """The rows of the views `pin`, `geo` and `user`, by `ind`, each with the `layer` that it comes from.

    :param batch: rows of the batch tables, with `ingest_date`, `ingested_at`, `partition` and `offset`.
    :param speed: rows of the speed tables, with `shard` and `sequence_number` instead of the last two.
    """
    read = _days_read(batch, quarantined)
    shown = {}
    for data_set, key in SOURCE_KEY.items():
        seen = [
            row
            for row in speed.get(data_set, ())
            if not any(day >= row["ingest_date"] for day in read.get((data_set, str(row[key])), ()))
        ]
        rows = [{**row, "layer": "batch"} for row in batch.get(data_set, ())]
        rows += [{**row, "layer": "speed"} for row in seen]
        latest = _latest_per(key, rows)
        shown[data_set] = sorted(_latest_per("ind", latest), key=lambda row: row["ind"])
    return shown


def views_of_days(days: Iterable[Day], speed: Mapping[str, Iterable[Row]]) -> dict[str, list[Row]]:
    """:func:`views` of cleaned days, as the batch layer must hold them, and of what the speed layer holds."""
    cleaned = list(days)
    batch = {name: [row for day in cleaned for row in day.clean[name]] for name in SOURCE_KEY}
    quarantined = [(bad.data_set, bad.key, bad.ingest_date) for day in cleaned for bad in day.quarantined]
    return views(batch, quarantined, speed)


def _days_read(batch: Mapping[str, Iterable[Row]], quarantined: Quarantine) -> dict[tuple[str, str], set[date]]:
    read: dict[tuple[str, str], set[date]] = {}
    for data_set, key in SOURCE_KEY.items():
        for row in batch.get(data_set, ()):
            read.setdefault((data_set, str(row[key])), set()).add(row["ingest_date"])
    for data_set, text, day in quarantined:
        if text is not None:
            read.setdefault((data_set, text), set()).add(day)
    return read


def _latest_per(key: str, rows: Iterable[Row]) -> list[Row]:
    latest: dict[object, Row] = {}
    for row in rows:
        if row[key] not in latest or _place(row) > _place(latest[row[key]]):
            latest[row[key]] = row
    return list(latest.values())


def _place(row: Row) -> tuple[date, datetime, int, int]:
    if row["layer"] == "batch":
        return row["ingest_date"], row["ingested_at"], row["partition"], row["offset"]
    shard = int(row["shard"].removeprefix("shardId-"))
    return row["ingest_date"], row["ingested_at"], shard, int(row["sequence_number"])
