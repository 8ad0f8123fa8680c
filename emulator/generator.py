"""Makes posts of its own, with every kind of dirt of the real data in its measured share.

The same seed gives the same posts, and ``n`` posts are the first ``n`` of any longer run. Only ``Random.random`` and
``Random.getrandbits`` are drawn from: Python keeps those two alike over versions, and no set or hash order takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from math import sqrt
from random import Random
from typing import Any, NamedTuple

from emulator import vocabulary
from emulator.countries import COUNTRIES
from emulator.post import Post
from include.schema import dataset

# Shares are dealt from shuffled decks of this many cards, so they hold in every thousand posts, not only on average.
DECK = 1000
NEW_PERSON = 473  # with the first few about 5,307 persons to 11,154 posts
PERSONS_AT_FIRST, PERSONS_REMEMBERED = 64, 4096
GAP_SHARE = 0.03
LONGEST_GAP = 20
ZERO_PIN_POSITION = 249
FAR_POSITION, FAR_EVERY, FAR_NUMBER = 499, 10_000, 1_000_000_000
CUT_AT = 177

FIRST_POST, POST_SECONDS = datetime(2017, 10, 19), 5 * 365 * 86_400  # without zone, as in the source
FIRST_JOINED, JOINED_SECONDS = datetime(2015, 10, 21), 728 * 86_400

_PIN = dataset("pin")
_NO_TITLE, _UNTITLED, _ROBOT = _PIN.column("title").null_when
_NO_STORY, _NO_DESCRIPTION, _UNTITLED_DESCRIPTION = _PIN.column("description").null_when
(_USER_ERROR,) = _PIN.column("poster_name").null_when
(_NO_TAGS,) = _PIN.column("tag_list").null_when
(_NO_IMAGE,) = _PIN.column("image_src").null_when
_IMAGE, _VIDEO, _STORY = _PIN.column("is_image_or_video").expected
_CATEGORIES = _PIN.column("category").expected
_SAVE_PREFIX = _PIN.column("save_location").strip_prefix

# What is wrong with a post and what medium it has, of a thousand. A page that failed to load lost everything at once;
# a missing image is known of story pages only.
_PAGES: dict[tuple[str, str], int] = {
    (_STORY, "failed"): 7,
    (_STORY, "no image"): 16,
    (_STORY, "no tags"): 2,
    (_STORY, ""): 55,
    (_IMAGE, "no tags"): 6,
    (_IMAGE, "no description"): 13,
    (_VIDEO, "no description"): 1,
    (_IMAGE, "untitled"): 1,
    (_IMAGE, "untitled description"): 1,
    (_IMAGE, "robot"): 1,
    (_VIDEO, ""): 31,
}
# Of a thousand posts that have a title, or a description: those are 906 of a thousand.
_TITLES = {"non-ascii": 113, "line break": 2, "trailing blank": 3}
_DESCRIPTIONS = {"cut": 380, "non-ascii": 99}
_FOLLOWERS = {"digits": 160, "M": 92, "decimal k": 3, "decimal M": 1, "comma": 2}


class _Person(NamedTuple):
    """Who posts, from which one place, and the author's name and followers."""

    first_name: str
    last_name: str
    age: int
    date_joined: datetime
    country: str
    latitude: float
    longitude: float
    poster_name: str
    follower_count: str


def generate_posts(count: int, seed: int) -> Iterator[Post]:
    """Yield ``count`` posts in the order of their numbers but for the foreign test rows.

    :param count: number of posts.
    :param seed: any whole number; the same one gives the same posts in every process.
    :raises ValueError: when ``count`` is negative.
    """
    if count < 0:
        raise ValueError(f"cannot generate {count} posts: give a number from 0 up")
    return _posts(count, seed)


def _posts(count: int, seed: int) -> Iterator[Post]:
    draw = Random(f"pinpipe {seed}")  # nosec B311 # noqa: S311 - a text seed is spread by SHA-512, which no hash seed changes
    person_of = _people(draw)
    pin_of = _pins(draw)
    number = 0
    for position in range(count):
        number += 1
        if draw.random() < GAP_SHARE:
            number += 1 + int(draw.random() * LONGEST_GAP)
        person = person_of()
        if position == ZERO_PIN_POSITION:
            yield _post(0, _zero_pin(), person, draw)
            continue
        own = FAR_NUMBER + number if position % FAR_EVERY == FAR_POSITION else number
        yield _post(own, pin_of(own, person), person, draw)


def _post(number: int, pin: dict[str, Any], person: _Person, draw: Random) -> Post:
    geo = {
        "ind": number,
        "timestamp": FIRST_POST + timedelta(seconds=int(draw.random() * POST_SECONDS)),
        "latitude": person.latitude,
        "longitude": person.longitude,
        "country": person.country,
    }
    user = {
        "ind": number,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "age": person.age,
        "date_joined": person.date_joined,
    }
    return Post(number, pin, geo, user)


def _zero_pin() -> dict[str, Any]:
    """Return the test row that somebody left in the table: every column zero."""
    return {column.name: 0 if column.sql == "integer" else "0" for column in _PIN.columns if not column.optional}


def _deck[Card](draw: Random, cards: dict[Card, int], otherwise: Card) -> Callable[[], Card]:
    """Return a function that deals from shuffled decks in which each card of ``cards`` is so many of ``DECK``."""
    full = [card for card, many in cards.items() for _ in range(many)]
    full += [otherwise] * (DECK - len(full))
    left: list[Card] = []

    def deal() -> Card:
        if not left:
            left.extend(full)
        # Taking a random card of what is left is a shuffle, one step at a time.
        at = int(draw.random() * len(left))
        left[at], left[-1] = left[-1], left[at]
        return left.pop()

    return deal


def _people(draw: Random) -> Callable[[], _Person]:
    """Return a function that gives the next post's person: a new one, or one of before, the early ones more often."""
    is_new = _deck(draw, {True: NEW_PERSON}, otherwise=False)
    followers = _deck(draw, _FOLLOWERS, otherwise="k")
    poster_form = _deck(draw, {"non-ascii": 26}, otherwise="plain")
    known: list[_Person] = []

    def next_person() -> _Person:
        of_before = int(_skewed(draw) * max(len(known), PERSONS_AT_FIRST))
        if not is_new() and of_before < len(known):
            return known[of_before]
        person = _person(draw, followers(), poster_form())
        if len(known) < PERSONS_REMEMBERED:
            known.append(person)
        else:
            half = PERSONS_REMEMBERED // 2
            known[half + int(draw.random() * half)] = person
        return person

    return next_person


def _person(draw: Random, follower_form: str, poster_form: str) -> _Person:
    pick = _picker(draw)
    first, last = pick(vocabulary.FIRST_NAMES), pick(vocabulary.LAST_NAMES)
    name = (
        f"{first} {last}"
        if draw.random() < 0.4
        else f"{pick(vocabulary.ADJECTIVES)} {pick(vocabulary.POSTER_SUBJECTS)}"
    )
    endings = vocabulary.POSTER_ENDINGS_NON_ASCII if poster_form == "non-ascii" else vocabulary.POSTER_ENDINGS
    country = draw.random()
    return _Person(
        first_name=first,
        last_name=last,
        age=20 + int(41 * _skewed(draw)),
        date_joined=FIRST_JOINED + timedelta(seconds=int(JOINED_SECONDS * _skewed(draw))),
        country=COUNTRIES[int(country * country * len(COUNTRIES))],
        latitude=round(draw.random() * 180 - 90, 4),
        longitude=round(draw.random() * 360 - 180, 4),
        poster_name=name + pick(endings),
        follower_count=_follower_count(draw, follower_form),
    )


def _skewed(draw: Random) -> float:
    """Return a number of [0, 1) that leans to 0 as ages, joining dates and the posts per person do."""
    share = draw.random()
    return share * share * sqrt(share)


def _follower_count(draw: Random, form: str) -> str:
    share = draw.random()
    match form:
        case "digits":
            return str(int(share * 1000))
        case "M":
            return f"{1 + int(share * share * 14)}M"
        case "decimal M":
            return f"{1 + int(share * 9)}.{1 + int(draw.random() * 9)}M"
        case "decimal k":
            return f"{1 + int(share * 9)}.{1 + int(draw.random() * 9)}k"
        case "comma":
            return f"{1 + int(share * 99)},{int(draw.random() * 1000):03d}"
        case _:
            return f"{1 + int(share * share * 999)}k"


def _picker(draw: Random) -> Callable[[tuple[str, ...]], str]:
    random = draw.random
    return lambda options: options[int(random() * len(options))]


def _pins(draw: Random) -> Callable[[int, _Person], dict[str, Any]]:
    """Return a function that makes the pin of a post number and its person."""
    page = _deck(draw, _PAGES, otherwise=(_IMAGE, ""))
    title_form = _deck(draw, _TITLES, otherwise="plain")
    description_form = _deck(draw, _DESCRIPTIONS, otherwise="plain")
    pick = _picker(draw)

    def make(number: int, person: _Person) -> dict[str, Any]:
        medium, flaw = page()
        category = pick(_CATEGORIES)
        noun = pick(vocabulary.NOUNS[category])
        failed = flaw == "failed"
        no_image = failed or flaw == "no image"
        return {
            "index": number,
            "unique_id": _uuid4(draw),
            "title": _TITLE_OF_FLAW.get(flaw) or _title(draw, noun, title_form()),
            "description": _NO_STORY
            if medium == _STORY
            else _DESCRIPTION_OF_FLAW.get(flaw) or _description(draw, noun, description_form()),
            "poster_name": _USER_ERROR if failed else person.poster_name,
            "follower_count": _USER_ERROR if failed else person.follower_count,
            "tag_list": _NO_TAGS if failed or flaw == "no tags" else _tags(draw, noun),
            "is_image_or_video": medium,
            "image_src": _NO_IMAGE if no_image else _image_src(draw, medium),
            "downloaded": 0 if no_image else 1,
            "save_location": f"{_SAVE_PREFIX}/data/{category}",
            "category": category,
        }

    return make


_TITLE_OF_FLAW = {"failed": _NO_TITLE, "untitled": _UNTITLED, "robot": _ROBOT}
_DESCRIPTION_OF_FLAW = {"no description": _NO_DESCRIPTION, "untitled description": _UNTITLED_DESCRIPTION}


def _title(draw: Random, noun: str, form: str) -> str:
    pick = _picker(draw)
    start = f"{2 + int(draw.random() * 60)} {pick(vocabulary.ADJECTIVES)} {noun}"
    use = pick(vocabulary.USES)
    match form:
        case "non-ascii":
            return f"{start} {use} {pick(vocabulary.TITLE_WORDS_NON_ASCII)}"
        case "line break":
            return f"{start}{pick(vocabulary.TITLE_LINE_BREAKS)}{use}"
        case "trailing blank":
            return f"{start} {use}{pick(vocabulary.TITLE_TRAILING_BLANKS)}"
        case _:
            return f"{start} {use} | {pick(vocabulary.ADJECTIVES)} Finds"


def _description(draw: Random, noun: str, form: str) -> str:
    pick = _picker(draw)
    noun = noun.lower()
    text = pick(vocabulary.SENTENCES).replace("{noun}", noun)
    if form == "non-ascii":
        return f"{text} {pick(vocabulary.SENTENCES_NON_ASCII).replace('{noun}', noun)}"
    if form == "cut":
        # The site shows so many characters, an ellipsis and a no-break space.
        while len(text) <= CUT_AT:
            text = f"{text} {pick(vocabulary.SENTENCES).replace('{noun}', noun)}"
        return f"{text[:CUT_AT]}…\u00a0"
    return f"{text} {pick(vocabulary.SENTENCES).replace('{noun}', noun)}"


def _tags(draw: Random, noun: str) -> str:
    pick = _picker(draw)
    return ",".join(
        [f"{pick(vocabulary.ADJECTIVES)} {noun}" for _ in range(5)]
        + [f"{noun} {pick(vocabulary.TAG_ENDINGS)}" for _ in range(4)]
    )


def _image_src(draw: Random, medium: str) -> str:
    name = f"{draw.getrandbits(128):032x}"
    path = f"{name[:2]}/{name[2:4]}/{name[4:6]}/{name}"
    if medium == _IMAGE:
        return f"https://i.pinimg.com/originals/{path}.jpg"
    return f"https://i.pinimg.com/videos/thumbnails/originals/{path}.0000001.jpg"


def _uuid4(draw: Random) -> str:
    digits = f"{draw.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
