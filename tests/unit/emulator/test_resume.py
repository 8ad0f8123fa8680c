from emulator.generator import generate_posts
from emulator.post import Post
from emulator.resume import ResumePoint

ONE, TWO, THREE = generate_posts(3, seed=1)


def begun(*posts, start=None):
    point = ResumePoint(start)
    assert list(point.follow(posts)) == list(posts)
    return point


def accept(point, post, records=3):
    for _ in range(records):
        point.accepted(post.number)


def test_a_run_that_read_nothing_begins_where_it_was_told():
    assert ResumePoint(17).next_start == 17
    assert ResumePoint(None).next_start is None


def test_after_all_posts_it_goes_on_behind_the_last():
    point = begun(ONE, TWO)
    accept(point, TWO)
    accept(point, ONE)
    assert point.next_start == TWO.number + 1


def test_the_first_post_with_a_record_that_is_not_accepted_is_begun_with():
    point = begun(ONE, TWO, THREE)
    accept(point, ONE)
    accept(point, TWO, records=2)
    accept(point, THREE)
    assert point.next_start == TWO.number


def test_a_failed_record_brings_its_post_back_whatever_is_accepted_of_it():
    point = begun(ONE, TWO, THREE)
    point.failed(TWO.number)
    point.failed(THREE.number)
    for post in (ONE, TWO, THREE):
        accept(point, post)
    assert point.next_start == TWO.number


def test_a_post_that_lacks_rows_is_done_with_those_there_are():
    point = begun(Post(5, None, None, TWO.user), Post(6, None, None, None))
    accept(point, Post(5, None, None, None), records=1)
    assert point.next_start == 7
