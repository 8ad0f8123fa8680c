"""The ten questions and the serving views: ids, wording, and their SQL.

The SQL files keep to what Spark 4 (ANSI mode), Databricks and duckdb share: no quoted names, no ``QUALIFY``, no
engine's own functions. They name ``batch.*``, ``speed.*`` and ``serving.*``. Years are those of the session's time
zone, so whoever runs them sets the session to UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from include.schema import DATASETS

SERVING_VIEWS = DATASETS


@dataclass(frozen=True)
class Question:
    """One question.

    :param id: fixed id, e.g. ``Q2top``.
    :param title: the question in a few words.
    :param text: what is counted, and how ties, NULLs and bounds are treated.
    """

    id: str
    title: str
    text: str

    @property
    def table(self) -> str:
        """Name of the answer's table in the ``answers`` layer."""
        return self.id.lower()

    @property
    def sql(self) -> str:
        """The query over the serving views."""
        return _read_sql("questions", self.id)

    def sql_over(self, prefix: str) -> str:
        """Return the query with ``<prefix>pin`` in place of ``serving.pin``, and so on."""
        return re.sub(rf"\bserving\.(?=(?:{'|'.join(SERVING_VIEWS)})\b)", prefix, self.sql)


QUESTIONS = (
    Question(
        "Q1",
        "Most popular category by country",
        "The category with most posts in each country; several where they tie.",
    ),
    Question(
        "Q2",
        "Posts per category per year",
        "Posts of each category in each year of the post, 2018 to 2022.",
    ),
    Question(
        "Q2top",
        "Most popular category per year",
        "The category with most posts in each year of the post, 2018 to 2022; several where they tie.",
    ),
    Question(
        "Q3a",
        "Poster with most followers by country",
        "For each country the poster with most followers; several where they tie. Posts without a known poster or "
        "follower count are left out.",
    ),
    Question(
        "Q3b",
        "Country of the poster with most followers",
        "The country in which the poster with most followers of all posted; several where they tie.",
    ),
    Question(
        "Q4",
        "Most popular category by age group",
        "The category with most posts in each age group; several where they tie. Under 18 belongs to no group.",
    ),
    Question(
        "Q5",
        "Median follower count by age group",
        "The exact median over posts; posts without a known follower count are left out.",
    ),
    Question(
        "Q6",
        "Users joined per year",
        "Users who joined in each year 2015 to 2020, with or without a pin: their posts, and the distinct people "
        "(name, age and joining date) among them.",
    ),
    Question(
        "Q7",
        "Median follower count by joining year",
        "The exact median over posts of users who joined 2015 to 2020; posts without a known follower count are "
        "left out.",
    ),
    Question(
        "Q8",
        "Median follower count by joining year and age group",
        "The exact median over posts of users who joined 2015 to 2020; posts without a known follower count are "
        "left out.",
    ),
)
HOW_COUNTED = (
    (
        "Posts",
        "One row per post: pin joined to place or user by the post's number. Of a post that arrived several times the "
        "latest version counts, from the batch layer where its day has been cleaned, else from the stream.",
    ),
    ("Ties", "All are kept: an answer has several rows for one country, year or age group where several are first."),
    (
        "Medians",
        "Exact, over posts and not over people; of an even number of posts, the mean of the two in the middle.",
    ),
    ("Unknown values", "A post without a value that a question asks for is left out of that question only."),
    ("Years", "Of the post or of the joining, as the source has them, in UTC; bounds are inclusive."),
    ("Age groups", "18-24, 25-35, 36-50 and +50: 50 belongs to 36-50, under 18 to none."),
    ("Order", "Rows are sorted by all columns, from left to right."),
)
QUESTION_IDS = tuple(question.id for question in QUESTIONS)


def question(question_id: str) -> Question:
    """Return the question called ``question_id``, in any case of letters.

    :raises LookupError: names the ids there are.
    """
    for candidate in QUESTIONS:
        if candidate.id.lower() == question_id.lower():
            return candidate
    raise LookupError(f"no question {question_id!r}: there are {', '.join(QUESTION_IDS)}")


def view_sql(name: str, catalog: str = "") -> str:
    """Return the query behind ``serving.<name>``.

    :param catalog: catalog whose tables it names; empty: of the session's.
    :raises LookupError: names the views there are.
    """
    if name not in SERVING_VIEWS:
        raise LookupError(f"no serving view {name!r}: there are {', '.join(SERVING_VIEWS)}")
    query = _read_sql("views", name)
    if not catalog:
        return query
    sources = "|".join(sorted({f"{layer}\\.{table}" for layer, table in view_sources(name)}))
    return re.sub(rf"\b(?=(?:{sources})\b)", f"`{catalog}`.", query)


def view_sources(name: str) -> tuple[tuple[str, str], ...]:
    """Return (layer, name) of each table that ``serving.<name>`` reads."""
    return (("batch", name), ("speed", name), ("batch", "quarantine"))


@cache
def _read_sql(folder: str, name: str) -> str:
    return resources.files("include").joinpath("sql", folder, f"{name}.sql").read_text(encoding="utf-8")
