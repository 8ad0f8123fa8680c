import hashlib
import os
import subprocess
import sys
import tracemalloc
import uuid
from collections import Counter
from datetime import datetime
from itertools import islice

import pytest

from emulator.generator import FAR_NUMBER, generate_posts
from emulator.payloads import records_of
from include.schema import dataset

GOLDEN = "56c1edfbaa1ed21a01e3d2d12805edd65b1a9629bdfa1c99e17ecd3145a25b2c"
COUNT = 20_000
HASH_POSTS = (
    "import hashlib\n"
    "from emulator.generator import generate_posts\n"
    "from emulator.payloads import records_of\n"
    "digest = hashlib.sha256()\n"
    "for post in generate_posts(1000, 42):\n"
    "    for name, record in records_of(post):\n"
    "        digest.update(record.wire())\n"
    "print(digest.hexdigest())\n"
)


@pytest.fixture(scope="module")
def posts():
    return list(generate_posts(COUNT, seed=1))


@pytest.fixture(scope="module")
def pins(posts):
    """Pins without the foreign all-zero one."""
    return [post.pin for post in posts if post.number != 0]


def share(rows, condition):
    return sum(map(condition, rows)) / len(rows)


def test_seed_42_gives_the_bytes_it_always_gave():
    digest = hashlib.sha256()
    for post in generate_posts(1000, 42):
        for _, record in records_of(post):
            digest.update(record.wire())
    assert digest.hexdigest() == GOLDEN


@pytest.mark.parametrize("hash_seed", ["0", "1234"])
def test_another_process_with_another_hash_seed_gives_the_same_bytes(hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", HASH_POSTS], env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert printed.strip() == GOLDEN


def test_fewer_posts_are_the_first_of_more():
    assert list(generate_posts(50, 3)) == list(islice(generate_posts(500, 3), 50))


def test_another_seed_gives_other_posts():
    assert list(generate_posts(5, 3)) != list(generate_posts(5, 4))


@pytest.mark.parametrize("seed", [-1, 0, 2**70])
def test_any_whole_number_is_a_seed(seed):
    assert len(list(generate_posts(3, seed))) == 3


def test_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="-1 posts"):
        generate_posts(-1, 0)


def test_the_three_rows_of_a_post_share_its_number_and_have_the_tables_columns(posts):
    for post in posts:
        assert post.pin["index"] == post.geo["ind"] == post.user["ind"] == post.number
    for name in ("pin", "geo", "user"):
        assert list(posts[0].row(name)) == [column.name for column in dataset(name).columns]


def test_post_numbers_are_distinct_and_have_gaps(posts):
    numbers = {post.number for post in posts}
    ordinary = sorted(number for number in numbers if 0 < number < FAR_NUMBER)
    assert len(numbers) == COUNT
    assert 1.2 < ordinary[-1] / len(ordinary) < 1.5


def test_foreign_test_rows_are_there_but_rare(posts):
    zero = [post.pin for post in posts if post.number == 0]
    assert [set(pin.values()) for pin in zero] == [{0, "0"}]
    assert sum(post.number > FAR_NUMBER for post in posts) == 2


@pytest.mark.parametrize(
    ("column", "placeholder", "measured"),
    [
        ("title", "No Title Data Available", 0.007),
        ("title", "Untitled", 0.001),
        ("title", "Robot Challenge Screen", 0.001),
        ("description", "No description available Story format", 0.080),
        ("description", "No description available", 0.014),
        ("description", "Untitled", 0.001),
        ("poster_name", "User Info Error", 0.007),
        ("follower_count", "User Info Error", 0.007),
        ("tag_list", "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e", 0.015),
        ("image_src", "Image src error.", 0.023),
        ("is_image_or_video", "multi-video(story page format)", 0.080),
        ("is_image_or_video", "video", 0.032),
    ],
)
def test_a_placeholder_has_its_measured_share(pins, column, placeholder, measured):
    assert share(pins, lambda pin: pin[column] == placeholder) == pytest.approx(measured, abs=0.0002)


def test_placeholders_that_belong_together_come_together(pins):
    for pin in pins:
        story = pin["is_image_or_video"] == "multi-video(story page format)"
        assert (pin["description"] == "No description available Story format") == story
        assert (pin["poster_name"] == "User Info Error") == (pin["follower_count"] == "User Info Error")
        assert (pin["image_src"] == "Image src error.") == (pin["downloaded"] == 0)


@pytest.mark.parametrize(
    ("what", "measured", "tolerance"),
    [
        (lambda pin: not pin["description"].isascii(), 0.434, 0.005),
        (lambda pin: pin["description"].endswith("…\u00a0"), 0.344, 0.005),
        (lambda pin: not pin["title"].isascii(), 0.114, 0.005),
        (lambda pin: "\n" in pin["title"], 0.002, 0.001),
        (lambda pin: pin["title"] != pin["title"].strip(), 0.003, 0.001),
        (lambda pin: pin["follower_count"].endswith("k"), 0.74, 0.03),
        (lambda pin: pin["follower_count"].isdigit(), 0.16, 0.03),
        (lambda pin: pin["follower_count"].endswith("M"), 0.092, 0.03),
        (lambda pin: "." in pin["follower_count"], 0.004, 0.003),
        (lambda pin: "," in pin["follower_count"], 0.002, 0.0019),
    ],
)
def test_texts_have_the_measured_shapes(pins, what, measured, tolerance):
    assert share(pins, what) == pytest.approx(measured, abs=tolerance)


def test_texts_hold_characters_of_four_bytes(pins):
    assert any(ord(character) > 0xFFFF for pin in pins for character in pin["description"])


def test_unique_ids_are_distinct_version_4_uuids(pins):
    assert len({pin["unique_id"] for pin in pins}) == len(pins)
    assert {uuid.UUID(pin["unique_id"]).version for pin in pins} == {4}


def test_all_categories_come_about_equally_often_and_name_the_save_location(pins):
    counted = Counter(pin["category"] for pin in pins)
    assert len(counted) == 13
    assert min(counted.values()) > 0.8 * COUNT / 13
    assert all(pin["save_location"] == f"Local save in /data/{pin['category']}" for pin in pins)


def test_people_come_back_each_from_one_place_and_with_one_author(posts):
    def person(post):
        return tuple(post.user[name] for name in ("first_name", "last_name", "age", "date_joined"))

    places, authors = {}, {}
    for post in posts:
        places.setdefault(person(post), set()).add((post.geo["country"], post.geo["latitude"], post.geo["longitude"]))
        authors.setdefault(person(post), set()).add(post.pin["poster_name"])
    assert len(places) / COUNT == pytest.approx(5307 / 11154, abs=0.01)
    assert all(len(of_person) == 1 for of_person in places.values())
    assert all(len(names - {"User Info Error", "0"}) <= 1 for names in authors.values())


def test_countries_are_243_the_odd_ones_among_them(posts):
    countries = {post.geo["country"] for post in posts}
    assert len(countries) == 243
    for mark in ",(&'":
        assert any(mark in country for country in countries)
    assert "Antarctica (the territory South of 60 deg S)" in countries
    assert "Svalbard & Jan Mayen Islands" in countries


def test_ages_and_times_keep_to_the_measured_ranges(posts):
    assert {post.user["age"] for post in posts} == set(range(20, 61))
    joined = [post.user["date_joined"] for post in posts]
    posted = [post.geo["timestamp"] for post in posts]
    assert datetime(2015, 10, 21) <= min(joined) <= max(joined) < datetime(2017, 10, 20)
    assert datetime(2017, 10, 19) <= min(posted) <= max(posted) < datetime(2022, 10, 20)
    assert all(post.user["date_joined"] <= post.geo["timestamp"] for post in posts)
    assert all(-90 <= post.geo["latitude"] <= 90 and -180 <= post.geo["longitude"] <= 180 for post in posts)


def test_memory_does_not_grow_with_the_number_of_posts():
    def peak(posts):
        tracemalloc.start()
        for _ in generate_posts(posts, seed=1):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(2_000), peak(20_000)
    # Up to 4,096 persons are remembered, which the few posts do not have.
    assert many - few < 3_000_000
