"""A catalogue of odd and broken records with the outcome of each written out, to be posted through the API.

Each case breaks or bends one good row. The outcomes are literals: they check the oracle as well as the pipeline.
Left out on purpose is what the contract does not settle, and the JSON value `null`, which the API refuses.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.oracle.contract import RESCUED_COLUMN
from tests.e2e.oracle.malformed_broken import BROKEN, SEVERAL_RULES
from tests.e2e.oracle.malformed_good import GOOD, NBSP, PLACEHOLDERS

FIRST_NUMBER = 900_001
"""Far above the post numbers of real and generated posts."""

_ABSENT = object()

Described = tuple[str, str, Any, set[str] | dict[str, Any]]
"""Name, data set, changes to the good row (or the value instead of it), rules or changes to the clean row."""


@dataclass(frozen=True)
class Case:
    """One record and what becomes of it.

    :param name: unique, readable.
    :param dataset: `pin`, `geo` or `user`: the topic to post to.
    :param key: the Kafka record's key, the post number; no two cases share one.
    :param value: the JSON value to post.
    :param rules: the rules that it breaks, None when it is clean.
    :param clean: the clean table's columns without `ingest_date`, `ingested_at` and address; None when it is
        quarantined.
    """

    name: str
    dataset: str
    key: str
    value: Any
    rules: set[str] | None
    clean: dict[str, Any] | None

    @property
    def outcome_dataset(self) -> str:
        """The data set that counts it: `dead_letter` when the value is not a JSON object."""
        return self.dataset if isinstance(self.value, dict) else "dead_letter"


def catalogue(posted_at: datetime | None = None) -> list[Case]:
    """All cases, the same in every call but for those next to the latest allowed time.

    :param posted_at: about the time at which the cases will be posted (an hour off does no harm), with a zone; adds
        the cases that lie 22 h and 26 h after it, on both sides of the latest allowed time.
    """
    described = [*_missing(), *_nullable(), *PLACEHOLDERS, *BROKEN, *SEVERAL_RULES, *GOOD]
    described += [*_NO_COLUMNS, *_NOT_OBJECTS]
    if posted_at is not None:
        described += _around_the_latest_time(posted_at.astimezone(UTC).replace(microsecond=0))
    return [_case(number, *case) for number, case in enumerate(described, FIRST_NUMBER)]


def good_row(dataset: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A good row as it is posted and as it is cleaned."""
    unique_id = f"0badc0de-0000-4000-8000-{number:012d}"
    if dataset == "pin":
        return {
            "index": number,
            "unique_id": unique_id,
            "title": "Ten Small Gardens",
            "description": f"Für Balkone und Höfe…{NBSP}ein Anfang",
            "poster_name": "Garden Notes",
            "follower_count": "12k",
            "tag_list": "Gardens,Balcony,Small Spaces",
            "is_image_or_video": "image",
            "image_src": "https://i.example.org/originals/3b/e7/8d/garden.jpg",
            "downloaded": 1,
            "save_location": "Local save in /data/home-decor",
            "category": "home-decor",
        }, {
            "ind": number,
            "unique_id": unique_id,
            "title": "Ten Small Gardens",
            "description": "Für Balkone und Höfe…\u00a0ein Anfang",
            "follower_count": 12000,
            "poster_name": "Garden Notes",
            "tag_list": "Gardens,Balcony,Small Spaces",
            "is_image_or_video": "image",
            "image_src": "https://i.example.org/originals/3b/e7/8d/garden.jpg",
            "save_location": "/data/home-decor",
            "category": "home-decor",
        }
    if dataset == "geo":
        return {
            "ind": number,
            "timestamp": "2020-08-28T03:52:47",
            "latitude": -29.5381,
            "longitude": -89.5,
            "country": "Svalbard & Jan Mayen Islands",
        }, {
            "ind": number,
            "country": "Svalbard & Jan Mayen Islands",
            "coordinates": [-29.5381, -89.5],
            "timestamp": datetime(2020, 8, 28, 3, 52, 47, tzinfo=UTC),
        }
    return {
        "ind": number,
        "first_name": "Zoë",
        "last_name": "O'Neil",
        "age": 36,
        "date_joined": "2016-12-08 20:02:43",
    }, {
        "ind": number,
        "user_name": "Zoë O'Neil",
        "age": 36,
        "date_joined": datetime(2016, 12, 8, 20, 2, 43, tzinfo=UTC),
    }


def _case(number: int, name: str, dataset: str, sent: Any, outcome: set[str] | dict[str, Any]) -> Case:
    """The case of one description; `{n}` in its texts stands for the row's own number."""
    value, clean = good_row(dataset, number)
    if isinstance(sent, dict):
        changed = {**value, **_numbered(sent, number)}
        value = {column: content for column, content in changed.items() if content is not _ABSENT}
    else:
        value = sent
    if isinstance(outcome, set):
        return Case(name, dataset, str(number), value, outcome, None)
    return Case(name, dataset, str(number), value, None, {**clean, RESCUED_COLUMN: None, **_numbered(outcome, number)})


def _numbered(columns: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        name: content.replace("{n}", str(number)) if isinstance(content, str) else content
        for name, content in columns.items()
    }


_NOTHINGS = (("empty", ""), ("blank", f" {NBSP}\t"), ("null", None), ("absent", _ABSENT))

_MISSING_RULES = (
    ("pin", "index", "index_missing"),
    ("pin", "unique_id", "unique_id_missing"),
    ("pin", "is_image_or_video", "is_image_or_video_missing"),
    ("pin", "downloaded", "downloaded_missing"),
    ("pin", "save_location", "save_location_missing"),
    ("pin", "category", "category_missing"),
    ("geo", "ind", "ind_missing"),
    ("geo", "timestamp", "timestamp_missing"),
    ("geo", "latitude", "latitude_missing"),
    ("geo", "longitude", "longitude_missing"),
    ("geo", "country", "country_missing"),
    ("user", "ind", "ind_missing"),
    ("user", "first_name", "first_name_missing"),
    ("user", "last_name", "last_name_missing"),
    ("user", "age", "age_missing"),
    ("user", "date_joined", "date_joined_missing"),
)
_NULLABLE_RULES = (
    "title_missing",
    "description_missing",
    "poster_name_missing",
    "follower_count_missing",
    "tag_list_missing",
    "image_src_missing",
)
_NULLABLE = ("title", "description", "poster_name", "follower_count", "tag_list", "image_src")


def _missing() -> list[Described]:
    return [
        (f"{dataset} {column} {kind}", dataset, {column: nothing}, {rule})
        for dataset, column, rule in _MISSING_RULES
        for kind, nothing in _NOTHINGS
    ]


def _nullable() -> list[Described]:
    return [
        (f"pin {column} {kind} becomes NULL", "pin", {column: nothing}, {column: None})
        for column in _NULLABLE
        for kind, nothing in _NOTHINGS
        if nothing is not _ABSENT
    ] + [
        (f"pin {column} absent", "pin", {column: _ABSENT}, {rule})
        for column, rule in zip(_NULLABLE, _NULLABLE_RULES, strict=True)
    ]


def _around_the_latest_time(posted_at: datetime) -> list[Described]:
    before, after = posted_at + timedelta(hours=22), posted_at + timedelta(hours=26)
    return [
        ("timestamp within 24 h after the log", "geo", {"timestamp": before.isoformat()}, {"timestamp": before}),
        ("timestamp over 24 h after the log", "geo", {"timestamp": after.isoformat()}, {"timestamp_out_of_range"}),
        ("joined within 24 h after the log", "user", {"date_joined": before.isoformat()}, {"date_joined": before}),
        ("joined over 24 h after the log", "user", {"date_joined": after.isoformat()}, {"date_joined_out_of_range"}),
    ]


_NO_COLUMNS = [
    (
        "pin of no columns",
        "pin",
        dict.fromkeys(
            (*_NULLABLE, "index", "unique_id", "is_image_or_video", "downloaded", "save_location", "category"), _ABSENT
        ),
        {
            *_NULLABLE_RULES,
            "index_missing",
            "unique_id_missing",
            "is_image_or_video_missing",
            "downloaded_missing",
            "save_location_missing",
            "category_missing",
        },
    ),
    (
        "geo of no columns",
        "geo",
        dict.fromkeys(("ind", "timestamp", "latitude", "longitude", "country"), _ABSENT),
        {"ind_missing", "timestamp_missing", "latitude_missing", "longitude_missing", "country_missing"},
    ),
    (
        "user of no columns",
        "user",
        dict.fromkeys(("ind", "first_name", "last_name", "age", "date_joined"), _ABSENT),
        {"ind_missing", "first_name_missing", "last_name_missing", "age_missing", "date_joined_missing"},
    ),
]

_NOT_OBJECTS = [
    ("a number", "pin", 17, {"unparsable"}),
    ("a fraction", "geo", 3.5, {"unparsable"}),
    ("a text", "pin", "text", {"unparsable"}),
    ("an empty text", "user", "", {"unparsable"}),
    ("text of an object", "user", '{"ind": 1}', {"unparsable"}),
    ("a list", "geo", [1], {"unparsable"}),
    ("a list of an object", "user", [{"ind": 1}], {"unparsable"}),
    ("true", "pin", True, {"unparsable"}),
]
