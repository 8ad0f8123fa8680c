from __future__ import annotations

from datetime import UTC, datetime

import pytest

from spark_jobs.answer_time import answered_at

ABSURD = "Sun, 01 Mar 2026 09:00:00 +99999999999999"
MOMENT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def answer(**headers):
    return {"ResponseMetadata": {"HTTPHeaders": headers}}


@pytest.mark.parametrize(
    "date",
    [
        "Sun, 01 Mar 2026 09:00:00 GMT",
        "Sun, 01 Mar 2026 10:00:00 +0100",
        "Sun, 01 Mar 2026 09:00:00 -0000",
        "Sun, 01 Mar 2026 09:00:00 GMT, Sun, 01 Mar 2026 09:00:00 GMT",
    ],
)
def test_it_is_the_moment_of_the_answer_with_its_zone(date):
    told = answered_at(answer(date=date))
    assert told == MOMENT
    assert told.tzinfo


@pytest.mark.parametrize("told", [{}, answer(), answer(date="soon"), answer(date=""), answer(date=ABSURD)])
def test_where_none_is_told_it_is_ours(told):
    before = datetime.now(UTC)
    assert before <= answered_at(told) <= datetime.now(UTC)
