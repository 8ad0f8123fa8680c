import csv
import json

import pytest

from emulator.files import FileError
from emulator.generator import generate_posts
from emulator.loading import load_files, load_posts
from emulator.post import Post
from emulator.source import count_rows, read_numbers, read_posts


@pytest.fixture
def files(tmp_path):
    """Files of 30 generated posts: pins as JSON Lines, the others as CSV."""
    posts = list(generate_posts(30, seed=5))
    with (tmp_path / "pin.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(post.pin) + "\n" for post in posts)
    for name in ("geo", "user"):
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(posts[0].row(name)))
            writer.writeheader()
            writer.writerows(post.row(name) for post in posts)
    return posts, {"pin": tmp_path / "pin.jsonl", "geo": tmp_path / "geo.csv", "user": tmp_path / "user.csv"}


def test_files_load_to_the_posts_that_they_were_written_from(engine, files):
    posts, paths = files
    assert load_files(engine, **paths) == {"pin": 30, "geo": 30, "user": 30, "complete": 30}
    assert list(read_posts(engine, [post.number for post in posts])) == posts


def test_loading_again_leaves_the_same_content(engine, files):
    _, paths = files
    load_files(engine, **paths)
    assert load_files(engine, **paths) == {"pin": 30, "geo": 30, "user": 30, "complete": 30}


def test_loading_replaces_what_was_there(source, files):
    posts, paths = files
    load_files(source, **paths)
    assert list(read_numbers(source)) == [post.number for post in posts]


def test_a_fault_in_the_last_file_leaves_all_tables_as_they_were(source, files):
    _, paths = files
    before = list(read_posts(source, read_numbers(source)))
    with paths["user"].open("a", encoding="utf-8") as file:
        file.write("x,,,,\n")
    with pytest.raises(FileError, match=r"user.csv:32: column 'ind': 'x' is not a whole number"):
        load_files(source, **paths)
    assert list(read_posts(source, read_numbers(source))) == before


def test_a_post_number_twice_in_a_file_is_refused_with_both_lines(engine, files):
    posts, paths = files
    with paths["pin"].open("a", encoding="utf-8") as file:
        file.write(json.dumps(posts[4].pin) + "\n")
    with pytest.raises(FileError, match=rf"pin.jsonl:31: column 'index': {posts[4].number} stands on line 5 already"):
        load_files(engine, **paths)


def test_posts_that_lack_a_row_are_loaded_and_not_counted_as_complete(engine):
    posts = list(generate_posts(4, seed=1))
    lacking = [Post(posts[0].number, posts[0].pin, None, posts[0].user), *posts[1:]]
    assert load_posts(engine, lacking) == {"pin": 4, "geo": 3, "user": 4, "complete": 3}
    assert count_rows(engine)["complete"] == 3


def test_progress_is_told_of_every_insert(engine):
    told = []
    load_posts(engine, generate_posts(2500, seed=1), progress=lambda name, rows: told.append((name, rows)))
    assert told == [(name, rows) for rows in (2000, 2500) for name in ("pin", "geo", "user")]
