"""The ten answers, in plain Python.

Every answer is a list of tuples in the order of its output columns, sorted by all of them from left to right.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from tests.e2e.oracle.cleaning import Row

Answer = list[tuple[Any, ...]]

OUTPUT_COLUMNS: dict[str, tuple[str, ...]] = {
    "Q1": ("country", "category", "category_count"),
    "Q2": ("post_year", "category", "category_count"),
    "Q2top": ("post_year", "category", "category_count"),
    "Q3a": ("country", "poster_name", "follower_count"),
    "Q3b": ("country", "follower_count"),
    "Q4": ("age_group", "category", "category_count"),
    "Q5": ("age_group", "median_follower_count"),
    "Q6": ("post_year", "number_users_joined", "number_people_joined"),
    "Q7": ("post_year", "median_follower_count"),
    "Q8": ("age_group", "post_year", "median_follower_count"),
}

_POST_YEARS = range(2018, 2023)
_JOINING_YEARS = range(2015, 2021)


def answers(views: dict[str, list[Row]]) -> dict[str, Answer]:
    """All ten answers by id.

    :param views: the serving rows of `pin`, `geo` and `user`, as `serving.views` returns them.
    """
    pin_geo = _joined(views["pin"], views["geo"])
    pin_user = _joined(views["pin"], views["user"])
    per_year = _category_per_post_year(pin_geo)
    return {
        "Q1": _top_of_each(_category_counts(pin_geo, lambda post: post["country"])),
        "Q2": per_year,
        "Q2top": _top_of_each(per_year),
        "Q3a": _poster_with_most_followers(pin_geo),
        "Q3b": _country_with_most_followers(pin_geo),
        "Q4": _top_of_each(_category_counts(pin_user, lambda post: age_group(post["age"]))),
        "Q5": _medians(pin_user, lambda post: (age_group(post["age"]),)),
        "Q6": _users_joined(views["user"]),
        "Q7": _medians(pin_user, lambda post: (_joining_year(post),)),
        "Q8": _medians(pin_user, lambda post: (age_group(post["age"]), _joining_year(post))),
    }


def age_group(age: int) -> str | None:
    """The group of an age in years; None under 18."""
    if age < 18:
        return None
    if age <= 24:
        return "18-24"
    if age <= 35:
        return "25-35"
    if age <= 50:
        return "36-50"
    return "+50"


def median(values: Iterable[int]) -> float:
    """The middle value, or the mean of the two middle ones."""
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[half])
    return (ordered[half - 1] + ordered[half]) / 2


def _joined(pins: list[Row], others: list[Row]) -> list[Row]:
    by_ind = {row["ind"]: row for row in others}
    return [{**by_ind[pin["ind"]], **pin} for pin in pins if pin["ind"] in by_ind]


def _category_counts(posts: list[Row], group: Callable[[Row], Any]) -> Answer:
    pairs = Counter((group(post), post["category"]) for post in posts)
    return sorted((*pair, count) for pair, count in pairs.items() if None not in pair)


def _category_per_post_year(posts: list[Row]) -> Answer:
    return [row for row in _category_counts(posts, lambda post: post["timestamp"].year) if row[0] in _POST_YEARS]


def _top_of_each(counted: Answer) -> Answer:
    """The rows whose last column is the highest among the rows with the same first column, ties kept."""
    highest: dict[Any, int] = {}
    for first, *_, count in counted:
        highest[first] = max(count, highest.get(first, count))
    return sorted(row for row in counted if row[-1] == highest[row[0]])


def _poster_with_most_followers(posts: list[Row]) -> Answer:
    most: dict[tuple[str, str], int] = {}
    for post in posts:
        if post["poster_name"] is not None and post["follower_count"] is not None:
            poster = post["country"], post["poster_name"]
            most[poster] = max(post["follower_count"], most.get(poster, 0))
    return _top_of_each([(*poster, count) for poster, count in most.items()])


def _country_with_most_followers(posts: list[Row]) -> Answer:
    counted = {(post["country"], post["follower_count"]) for post in posts if post["follower_count"] is not None}
    highest = max((count for _, count in counted), default=None)
    return sorted(pair for pair in counted if pair[1] == highest)


def _joining_year(row: Row) -> int | None:
    year = row["date_joined"].year
    return year if year in _JOINING_YEARS else None


def _medians(posts: list[Row], group: Callable[[Row], tuple[Any, ...]]) -> Answer:
    counts: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for post in posts:
        if post["follower_count"] is not None and None not in group(post):
            counts[group(post)].append(post["follower_count"])
    return sorted((*of_group, median(values)) for of_group, values in counts.items())


def _users_joined(users: list[Row]) -> Answer:
    by_year: dict[int, list[Row]] = defaultdict(list)
    for user in users:
        year = _joining_year(user)
        if year is not None:
            by_year[year].append(user)
    return sorted(
        (year, len(joined), len({(user["user_name"], user["age"], user["date_joined"]) for user in joined}))
        for year, joined in by_year.items()
    )
