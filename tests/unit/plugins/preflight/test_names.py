from __future__ import annotations

import pytest
from pinpipe_airflow.hooks.s3_bucket import S3BucketHook
from pinpipe_airflow.preflight import names

from include.settings import Settings


def of_bucket(wanted, monkeypatch, answer, name=None):
    def region(_, bucket):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(S3BucketHook, "region", region)
    return list(names.bucket(wanted.model_copy(update={"bucket": name}) if name else wanted))


@pytest.mark.parametrize(
    ("answer", "outcome", "told"),
    [
        (None, "ok", "the name is free"),
        ("eu-west-1", "ok", "it is there, in eu-west-1"),
        ("us-east-1", "wrong", "it is in region us-east-1, and the setting region is eu-west-1"),
        (PermissionError("bucket 'x' answers 403"), "wrong", "answers 403"),
    ],
)
def test_a_bucket_is_free_or_ours_or_wrong(wanted, monkeypatch, answer, outcome, told):
    (found,) = of_bucket(wanted, monkeypatch, answer)
    assert (found.outcome, told in found.found) == (outcome, True)
    assert bool(found.way_out) == (outcome == "wrong")


@pytest.mark.parametrize("name", ["192.168.1.1", "my..bucket", "xn--bucket", "mine-s3alias"])
def test_a_name_that_s3_does_not_take_is_told_without_asking(wanted, monkeypatch, name):
    (found,) = of_bucket(wanted, monkeypatch, AssertionError("asked"), name)
    assert (found.outcome, found.found) == ("wrong", "S3 does not take such a name")


def test_a_dot_in_the_name_is_a_warning(wanted, monkeypatch):
    warned, found = of_bucket(wanted, monkeypatch, None, "my.bucket")
    assert (warned.outcome, found.outcome) == ("warning", "ok")


def test_names_that_become_too_long_are_told_with_their_length(monkeypatch):
    assert [found.outcome for found in names.lengths(Settings())] == ["ok"]
    monkeypatch.setenv("PINPIPE_API_KINESIS_ROLE", f"arn:aws:iam::111122223333:role/{'r' * 65}")
    (found,) = names.lengths(Settings())
    assert (found.outcome, "has 65 characters, 64 are allowed" in found.found) == ("wrong", True)
