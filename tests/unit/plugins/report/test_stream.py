from datetime import timedelta

import pytest
from pinpipe_airflow.report.receipts import Problem
from pinpipe_airflow.report.stream import stream_facts, stream_rules

SILENT_AFTER = timedelta(minutes=5)


@pytest.fixture
def facts(now):
    return lambda beat: [
        (str(fact.level), fact.text) for fact in stream_facts(beat, made_at=now, silent_after=SILENT_AFTER)
    ]


def test_a_stream_that_works_tells_how_late_it_is(facts, beat):
    assert facts(beat()) == [
        ("ok", "Run 7 is running, as it said at 2026-11-21 05:59, less than a minute before this report."),
        (
            "info",
            "2026-11-21 05:58, 1 minute before this report; the newest one was in its table 2.3 s after it arrived.",
        ),
    ]


def test_a_run_that_has_read_nothing_says_so(facts, beat):
    assert facts(beat(newest_record_at=None, lag_ms=None))[1] == ("info", "Run 7 has read none yet.")


@pytest.mark.parametrize(
    ("fields", "level", "text"),
    [
        ({"state": "failed", "error": "no bucket"}, "problem", "failed at 2026-11-21 05:59, less than a minute before "
         "this report: no bucket. See the runs of stream_supervisor"),
        ({"state": "stopped", "stopping_because": "the wish is 'stopped'"}, "info", ": the wish is 'stopped'."),
        ({"state": "stopped"}, "info", "before this report."),
        ({"beat_at": "2026-11-21T05:54:00Z"}, "problem", "no sign of life since 2026-11-21 05:54, 6 minutes before"),
        ({"state": "starting"}, "ok", "is starting"),
    ],
)  # fmt: skip
def test_how_a_stream_is_is_judged(facts, beat, fields, level, text):
    judged, told = facts(beat(**fields))[0]
    assert judged == level
    assert text in told


def test_a_stream_that_has_never_run_is_no_problem(facts):
    assert facts(None) == [("info", "It has never run.")]


def test_a_heartbeat_that_cannot_be_read_is_named(facts):
    problem = Problem("receipts/clean_stream/latest.json", "not JSON", "The next one replaces it")
    assert facts(problem) == [("problem", "receipts/clean_stream/latest.json: not JSON. The next one replaces it.")]
    assert stream_rules(problem) == []


def test_rules_come_by_their_rows_with_their_reasons(beat):
    broken = beat(quarantined_by_rule={"pin": {"unparsable": 1}, "unknown": {"unknown_table": 4}, "geo": {"x": 0}})
    assert [(of.data_set, of.rule, of.rows) for of in stream_rules(broken)] == [
        ("unknown", "unknown_table", 4),
        ("pin", "unparsable", 1),
    ]
    assert all(of.reason for of in stream_rules(broken))
