from datetime import UTC, date, datetime

import pytest

from tests.e2e.oracle import answers, cleaning

FIRST, SECOND = date(2023, 11, 15), date(2023, 11, 16)


def placed(row, day=FIRST, offset=0, partition=0):
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return {**row, "ingest_date": day, "ingested_at": at, "topic": "t", "partition": partition, "offset": offset}


def pin(ind, category="art", followers=100, poster="Ann", unique_id=None, **place):
    row = {"ind": ind, "unique_id": unique_id or f"u{ind}", "category": category}
    return placed({**row, "follower_count": followers, "poster_name": poster}, **place)


def geo(ind, country="Albania", year=2020, **place):
    return placed(
        {"ind": ind, "country": country, "timestamp": datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)}, **place
    )


def user(ind, age=20, year=2016, name="Ann Lee", **place):
    return placed({"ind": ind, "user_name": name, "age": age, "date_joined": datetime(year, 1, 1, tzinfo=UTC)}, **place)


def ask(pins=(), geos=(), users=()):
    return answers.answers({"pin": list(pins), "geo": list(geos), "user": list(users)})


def cleaned(day, pins=(), geos=(), users=()):
    return cleaning.Day(day, clean={"pin": list(pins), "geo": list(geos), "user": list(users)})


def test_the_most_popular_category_by_country_keeps_ties():
    pins = [pin(1, "art"), pin(2, "art"), pin(3, "travel"), pin(4, "travel"), pin(5, "quotes"), pin(6, "art")]
    geos = [geo(1), geo(2), geo(3), geo(4), geo(5), geo(6, "Åland"), geo(7, "Peru")]

    assert ask(pins, geos)["Q1"] == [("Albania", "art", 2), ("Albania", "travel", 2), ("Åland", "art", 1)]


def test_posts_per_category_are_counted_by_the_year_of_the_post_from_2018_to_2022():
    pins = [pin(1), pin(2), pin(3, "quotes"), pin(4), pin(5, "travel"), pin(6)]
    geos = [
        geo(1, year=2018),
        geo(2, year=2018),
        geo(3, year=2018),
        geo(4, year=2022),
        geo(5, year=2017),
        geo(6, year=2023),
    ]

    result = ask(pins, geos)

    assert result["Q2"] == [(2018, "art", 2), (2018, "quotes", 1), (2022, "art", 1)]
    assert result["Q2top"] == [(2018, "art", 2), (2022, "art", 1)]


def test_the_poster_with_most_followers_is_listed_once_per_country_with_ties():
    pins = [
        pin(1, followers=500, poster="Ann"),
        pin(2, followers=500, poster="Ann"),
        pin(3, followers=500, poster="Bob"),
        pin(4, followers=400, poster="Cid"),
        pin(5, followers=0, poster="Dan"),
        pin(6, followers=None, poster="Eve"),
        pin(7, followers=900, poster=None),
    ]
    geos = [geo(1), geo(2), geo(3), geo(4), geo(5, "Peru"), geo(6, "Peru"), geo(7, "Peru")]

    result = ask(pins, geos)

    assert result["Q3a"] == [("Albania", "Ann", 500), ("Albania", "Bob", 500), ("Peru", "Dan", 0)]
    assert result["Q3b"] == [("Peru", 900)]


def test_countries_that_share_the_most_followed_user_are_all_named():
    pins = [pin(1, followers=500), pin(2, followers=500), pin(3, followers=499)]

    assert ask(pins, [geo(1, "Peru"), geo(2, "Chad"), geo(3, "Fiji")])["Q3b"] == [("Chad", 500), ("Peru", 500)]


@pytest.mark.parametrize(
    ("age", "group"),
    [
        (13, None),
        (17, None),
        (18, "18-24"),
        (24, "18-24"),
        (25, "25-35"),
        (35, "25-35"),
        (36, "36-50"),
        (50, "36-50"),
        (51, "+50"),
        (120, "+50"),
    ],
)
def test_age_groups_meet_without_gap_or_overlap(age, group):
    assert answers.age_group(age) == group


def test_the_most_popular_category_by_age_group_leaves_out_the_young_and_those_without_a_pin():
    pins = [pin(1, "art"), pin(2, "art"), pin(3, "quotes"), pin(4, "travel")]
    users = [user(1, 18), user(2, 24), user(3, 51), user(4, 17), user(5, 30)]

    assert ask(pins, users=users)["Q4"] == [("+50", "quotes", 1), ("18-24", "art", 2)]


@pytest.mark.parametrize(("values", "middle"), [([3], 3.0), ([1, 4], 2.5), ([9, 1, 5], 5.0), ([1, 2, 4, 100], 3.0)])
def test_medians_are_exact_floats(values, middle):
    result = answers.median(values)
    assert (result, type(result)) == (middle, float)


def test_medians_leave_out_unknown_follower_counts():
    pins = [pin(1, followers=10), pin(2, followers=15), pin(3, followers=None), pin(4, followers=None)]
    users = [user(1, 20, 2015), user(2, 24, 2020), user(3, 24, 2015), user(4, 60, 2016)]

    result = ask(pins, users=users)

    assert result["Q5"] == [("18-24", 12.5)]
    assert result["Q7"] == [(2015, 10.0), (2020, 15.0)]
    assert result["Q8"] == [("18-24", 2015, 10.0), ("18-24", 2020, 15.0)]


def test_joining_years_end_with_2015_and_2020_and_the_young_count_where_no_age_is_asked_for():
    pins = [pin(1), pin(2), pin(3)]
    users = [user(1, year=2014), user(2, year=2021), user(3, age=13, year=2018)]

    result = ask(pins, users=users)

    assert (result["Q6"], result["Q7"], result["Q8"]) == ([(2018, 1, 1)], [(2018, 100.0)], [])


def test_users_joined_are_posts_and_distinct_people_with_or_without_a_pin():
    users = [user(1), user(2), user(3, age=21), user(4, name="Bob Lee"), user(5, year=2017)]

    assert ask(users=users)["Q6"] == [(2016, 4, 3), (2017, 1, 1)]


def test_no_rows_give_ten_empty_answers():
    assert ask() == {name: [] for name in ("Q1", "Q2", "Q2top", "Q3a", "Q3b", "Q4", "Q5", "Q6", "Q7", "Q8")}
    assert list(answers.OUTPUT_COLUMNS) == list(ask())
