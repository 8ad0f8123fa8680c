from __future__ import annotations

import pytest
from pinpipe_airflow.maintenance import ReceiptOfAnotherRunError, maintain_receipt, report

RUN = "scheduled__2026-03-01T03:00:00+00:00"
TABLE = {
    "files": {"before": 9, "after": 7},
    "compacted": {"days": 1, "files": 3, "into": 1},
    "vacuumed": {"files": 4, "bytes": 400},
}
TABLES = {"run_id": f"{RUN}__try2", "retention_days": 7, "tables": {"pin": TABLE, "geo": TABLE}}
RAW = {"removed": {"objects": 12, "bytes": 1200}, "kept_days": 1, "kept": [{"day": "2020-01-01"}]}
CHECKPOINTS = {"removed": {"0123456789ab": {"objects": 5, "bytes": 50}}, "kept": []}


def test_the_receipt_holds_what_every_part_did():
    receipt = maintain_receipt(TABLES, RAW, CHECKPOINTS, run_id=RUN)
    assert (receipt["job"], receipt["run_id"], receipt["vacuum_retention_days"]) == ("maintain", RUN, 7)
    assert receipt["tables"] == {"pin": TABLE, "geo": TABLE}
    assert (receipt["raw_objects"], receipt["checkpoints"]) == (RAW, CHECKPOINTS)


@pytest.mark.parametrize(
    ("tables", "found"),
    [(None, "is missing"), ({**TABLES, "run_id": "scheduled__2026-02-22__try1"}, "is of run 'scheduled__2026-02-22")],
)
def test_the_tables_receipt_of_another_run_is_not_taken_for_this_ones(tables, found):
    with pytest.raises(ReceiptOfAnotherRunError, match=rf"maintain_tables {found}.*clear the task `tables`"):
        maintain_receipt(tables, RAW, CHECKPOINTS, run_id=RUN)


def test_the_sums_are_told(caplog):
    with caplog.at_level("INFO"):
        sums = report(maintain_receipt(TABLES, RAW, CHECKPOINTS, run_id=RUN))
    assert sums == {
        "files_compacted": 6,
        "files_vacuumed": 8,
        "bytes_vacuumed": 800,
        "raw_objects_removed": 12,
        "raw_days_kept": 1,
        "checkpoints_removed": 1,
    }
    assert "bytes vacuumed: 800" in caplog.text
