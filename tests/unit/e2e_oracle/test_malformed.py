import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.oracle import cleaning
from tests.e2e.oracle.malformed import catalogue

POSTED_AT = datetime(2024, 2, 28, 12, 30, tzinfo=UTC)
CASES = catalogue(POSTED_AT)


def as_records(cases, logged_at):
    at_ms = int(logged_at.timestamp()) * 1000
    return [
        cleaning.Record(case.dataset, f"12ab.{case.dataset}", 0, offset, at_ms, json.dumps(case.value).encode())
        for offset, case in enumerate(cases)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_outcome_written_out_is_the_one_computed(case):
    day = cleaning.clean_day(POSTED_AT.date(), as_records([case], POSTED_AT))

    if case.rules is None:
        place = {"ingest_date", "ingested_at", "topic", "partition", "offset"}
        (row,) = day.clean[case.dataset]
        assert {name: value for name, value in row.items() if name not in place} == case.clean
        assert not day.quarantined
    else:
        (quarantined,) = day.quarantined
        assert (set(quarantined.rules), quarantined.data_set) == (case.rules, case.outcome_dataset)


def test_values_are_of_the_types_of_the_tables():
    types = {
        "ind": int,
        "follower_count": int,
        "age": int,
        "coordinates": list,
        "timestamp": datetime,
        "date_joined": datetime,
    }
    for case in CASES:
        for name, value in (case.clean or {}).items():
            assert value is None or type(value) is types.get(name, str), (case.name, name)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1)])
def test_no_case_supersedes_another_also_when_posted_an_hour_late(late):
    day = cleaning.clean_day(POSTED_AT.date(), as_records(CASES, POSTED_AT + late))

    for data_set in ("pin", "geo", "user", "dead_letter"):
        expected = [case for case in CASES if case.outcome_dataset == data_set]
        clean = sum(case.rules is None for case in expected)
        assert day.counts[data_set] == {
            "read": len(expected),
            "clean": clean,
            "redelivered": 0,
            "identical": 0,
            "superseded": 0,
            "quarantined": len(expected) - clean,
        }


def test_names_and_keys_are_distinct_and_far_from_real_posts():
    assert len({case.name for case in CASES}) == len(CASES)
    assert len({case.key for case in CASES}) == len(CASES)
    assert min(int(case.key) for case in CASES) >= 900_000


def test_the_cases_next_to_the_latest_time_need_to_know_when_they_are_posted():
    assert CASES[:-4] == catalogue()
    assert [case.rules for case in CASES[-4:]] == [None, {"timestamp_out_of_range"}, None, {"date_joined_out_of_range"}]


def test_every_rule_of_the_contract_is_broken_by_a_case_of_its_own():
    alone = {next(iter(case.rules)) for case in CASES if case.rules and len(case.rules) == 1}

    assert alone == {
        "unparsable",
        "index_missing",
        "index_unparsable",
        "unique_id_missing",
        "unique_id_unparsable",
        "title_missing",
        "title_unparsable",
        "description_missing",
        "description_unparsable",
        "poster_name_missing",
        "poster_name_unparsable",
        "follower_count_missing",
        "follower_count_unparsable",
        "tag_list_missing",
        "tag_list_unparsable",
        "image_src_missing",
        "image_src_unparsable",
        "is_image_or_video_unparsable",
        "downloaded_unparsable",
        "save_location_unparsable",
        "category_unparsable",
        "is_image_or_video_missing",
        "downloaded_missing",
        "save_location_missing",
        "category_missing",
        "ind_missing",
        "ind_unparsable",
        "timestamp_missing",
        "timestamp_unparsable",
        "timestamp_out_of_range",
        "latitude_missing",
        "latitude_unparsable",
        "latitude_out_of_range",
        "longitude_missing",
        "longitude_unparsable",
        "longitude_out_of_range",
        "country_missing",
        "country_unparsable",
        "first_name_unparsable",
        "last_name_unparsable",
        "first_name_missing",
        "last_name_missing",
        "age_missing",
        "age_unparsable",
        "age_out_of_range",
        "date_joined_missing",
        "date_joined_unparsable",
        "date_joined_out_of_range",
    }
