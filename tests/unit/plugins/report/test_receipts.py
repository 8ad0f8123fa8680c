import json
import sys
import tracemalloc

from pinpipe_airflow.report.receipts import CleanedDay, ReadObjects


def receipt(entries):
    manifest = [
        {"key": f"topics/p.pin/dt=2026-11-20/{n:010}.json", "etag": "0" * 32, "size": 9_000, "lines": 12}
        for n in range(entries)
    ]
    return json.dumps({"day": "2026-11-20", "data_sets": {}, "manifest": manifest})


def test_a_manifest_becomes_its_sums():
    assert CleanedDay.model_validate_json(receipt(3)).manifest == ReadObjects(objects=3, size=27_000, lines=36)
    assert CleanedDay.model_validate_json('{"day": "2026-11-20", "data_sets": {}}').manifest == ReadObjects()


def test_a_day_of_many_objects_keeps_no_more_memory_than_a_day_of_one():
    text = receipt(20_000)
    tracemalloc.start()
    day = CleanedDay.model_validate_json(text)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert day.manifest.objects == 20_000
    assert kept < 100_000 < sys.getsizeof(text)
