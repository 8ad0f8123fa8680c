from __future__ import annotations

import os

from bench.ingestion import Round


def test_what_bounds_a_round_is_told_by_cpu_seconds():
    measured = Round(records=60_000, posted_s=5, landed_s=10, cpu_s={"gateway": 1, "kafka_rest": 3, "emulator": 2})
    assert measured.landed_per_s == 6_000
    bounds = measured.bounds()
    assert bounds["cpu_s_per_1000_records"] == {"gateway": 0.017, "kafka_rest": 0.05, "emulator": 0.033, "all": 0.1}
    assert bounds["cores_busy"] == 0.6
    assert bounds["records_per_s_that_the_cpu_allows"] == 10_000 * (os.cpu_count() or 1)
    assert (bounds["dearest"], bounds["records_per_s_that_the_dearest_allows"]) == ("kafka_rest", 20_000)
