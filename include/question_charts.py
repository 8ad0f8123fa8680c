"""What each question's answer is drawn as, wherever it is shown: in the report, a notebook, a dashboard.

A ranking is bars, a course over years is lines. Which columns go where stands here once; how it looks is said by what
draws it. A question of which no chart is declared has its table alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from include.questions import QUESTION_IDS

AGE_GROUPS = ("18-24", "25-35", "36-50", "+50")  # as the questions' SQL calls them, youngest first


class Kind(StrEnum):
    """A kind of chart."""

    BARS = "bars"
    LINES = "lines"
    PANELS = "panels"  # one line each, where many lines in one chart could not be told apart


@dataclass(frozen=True)
class Measure:
    """A column that is drawn as lengths or heights.

    :param column: its name; of a chart that counts rows, the column whose values are counted.
    :param unit: what it counts, for people.
    """

    column: str
    unit: str


@dataclass(frozen=True)
class QuestionChart:
    """How an answer is drawn.

    :param kind: the kind of chart.
    :param along: column of the bars, or of the lines' horizontal axis.
    :param measures: what is drawn; several are lines of their own.
    :param label: column whose value is written beside each bar's own.
    :param series: column of which each value is a line, or a panel, of its own.
    :param counted: whether each bar is the number of rows, not the sum of a column.
    :param logarithmic: whether values of lines are of several orders of magnitude, so that small ones need room too.
    :param most: how many bars or panels there are at most, the longest or fullest of them; the table has all.
    :param caption: what the chart shows, in a sentence.
    """

    kind: Kind
    along: str
    measures: tuple[Measure, ...]
    caption: str
    label: str | None = None
    series: str | None = None
    counted: bool = False
    logarithmic: bool = False
    most: int = 15

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the answer that the chart needs."""
        optional = (column for column in (self.label, self.series) if column)
        return tuple(dict.fromkeys((self.along, *optional, *(measure.column for measure in self.measures))))


_POSTS = Measure("category_count", "posts")
_FOLLOWERS = Measure("follower_count", "followers")
_MEDIAN = Measure("median_follower_count", "followers (median)")

CHARTS = {
    "Q1": QuestionChart(
        Kind.BARS,
        "category",
        (Measure("country", "countries"),),
        "In how many countries each category is the most popular one; where several tie, each counts.",
        counted=True,
    ),
    "Q2": QuestionChart(
        Kind.PANELS, "post_year", (_POSTS,), "Posts per year, all categories on one scale.", series="category"
    ),
    "Q2top": QuestionChart(
        Kind.BARS, "post_year", (_POSTS,), "Posts of each year's most popular category.", label="category"
    ),
    "Q3a": QuestionChart(
        Kind.BARS,
        "country",
        (_FOLLOWERS,),
        "Followers of each country's poster with most; the countries with the largest numbers.",
        label="poster_name",
    ),
    "Q3b": QuestionChart(Kind.BARS, "country", (_FOLLOWERS,), "Followers of the poster with most of all, by country."),
    "Q4": QuestionChart(
        Kind.BARS, "age_group", (_POSTS,), "Posts of each age group's most popular category.", label="category"
    ),
    "Q5": QuestionChart(Kind.BARS, "age_group", (_MEDIAN,), "Median follower count of each age group."),
    "Q6": QuestionChart(
        Kind.LINES,
        "post_year",
        (Measure("number_users_joined", "posts"), Measure("number_people_joined", "people")),
        "Posts of users who joined in each year, and the distinct people among these users.",
    ),
    "Q7": QuestionChart(Kind.LINES, "post_year", (_MEDIAN,), "Median follower count by joining year."),
    "Q8": QuestionChart(
        Kind.LINES,
        "post_year",
        (_MEDIAN,),
        "Median follower count by joining year, a line for each age group.",
        series="age_group",
        logarithmic=True,
    ),
}
if unasked := set(CHARTS) - set(QUESTION_IDS):
    raise ValueError(f"charts are declared of {sorted(unasked)}, questions are {QUESTION_IDS}")
