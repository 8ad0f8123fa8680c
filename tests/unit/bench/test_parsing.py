from __future__ import annotations

from bench.parsing import heaviest

REPORT = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |     json.decoder
import time:       900 |       1000 |   json
import time:    500000 |     501000 | heavy
import time:     20000 |      20000 | light
"""


def test_an_import_within_another_is_not_named_beside_it():
    assert heaviest(REPORT) == {"heavy": 0.501, "light": 0.02}


def test_a_module_that_only_passes_on_anothers_cost_is_left_out_for_that_other():
    report = REPORT.replace("500000 |     501000 | heavy", "  1000 |       2000 | front")
    assert heaviest(report) == {"light": 0.02, "front": 0.002}
    passing = "import time:  9000 |   9000 |   inner\nimport time:  10 |  9010 | front\n"
    assert heaviest(passing) == {"inner": 0.009}
