from __future__ import annotations

import io

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from pinpipe_airflow.hooks.plugin_archive import PluginArchiveHook
from pinpipe_airflow.hooks.s3_bucket import S3BucketHook
from pinpipe_airflow.preflight import stored_files

BUCKET = "example-company-pinpipe"
PACKAGE = f"s3://{BUCKET}/rest-proxy/confluent-community-7.9.1.tar.gz"
THERE = ("head_bucket", {"BucketRegion": "eu-west-1"})
NOT_THERE = ("head_bucket", "404", 404)
ZIP, PAGE = b"PK\x03\x04", b"<htm"


def content(first):
    body = StreamingBody(io.BytesIO(first), len(first))
    return ("get_object", {"Body": body, "ETag": '"e"', "ContentRange": "bytes 0-3/99"})


@pytest.fixture
def s3(monkeypatch):
    """Have S3 answer, in this order; an error is its code and status."""
    api = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(PluginArchiveHook, "get_conn", lambda _: api)
    monkeypatch.setattr(S3BucketHook, "client", api)
    monkeypatch.setattr(stored_files, "client", lambda *_, **options: api)
    with Stubber(api) as stubber:

        def answer(*answers):
            for operation, given, *status in answers:
                if isinstance(given, str):
                    stubber.add_client_error(operation, given, http_status_code=status[0])
                else:
                    stubber.add_response(operation, given)

        yield answer
        stubber.assert_no_pending_responses()


@pytest.fixture
def own_package(makes_all):
    return makes_all.model_copy(update={"rest_proxy_archive": PACKAGE})


def test_the_plugin_is_there(makes_all, s3):
    s3(THERE, content(ZIP))
    (found,) = stored_files.plugin(makes_all)
    assert (found.outcome, found.found) == ("ok", f"s3://{BUCKET}/plugins/kafka-connect-s3.zip is there, and a zip")


@pytest.mark.parametrize(
    ("answer", "told"), [(("get_object", "NoSuchKey", 404), "cannot be read (NoSuchKey)"), (content(PAGE), "is no zip")]
)
def test_a_plugin_that_is_not_there_or_no_zip_is_wrong_with_where_to_get_it(makes_all, s3, answer, told):
    s3(THERE, answer)
    (found,) = stored_files.plugin(makes_all)
    assert (found.outcome, told in found.found, "confluent.io/hub" in found.way_out) == ("wrong", True, True)


def test_before_the_bucket_is_there_it_is_told_where_the_first_run_will_stop(own_package, s3):
    s3(NOT_THERE, NOT_THERE)
    for found in (*stored_files.plugin(own_package), *stored_files.package(own_package)):
        assert found.outcome == "warning"
        assert "the first run of provision makes the bucket, then stops" in found.found
        assert f"aws s3 cp <the file> s3://{BUCKET}/" in found.way_out


def test_a_package_in_s3_is_there_or_wrong(own_package, s3):
    s3(THERE, ("head_object", {"ContentLength": 9}), THERE, ("head_object", "404", 404))
    (there,) = stored_files.package(own_package)
    (missing,) = stored_files.package(own_package)
    assert [there.outcome, missing.outcome] == ["ok", "wrong"]
    assert missing.found == f"{PACKAGE} is not there"


def test_a_package_in_a_bucket_that_nobody_has_is_wrong(own_package, s3):
    s3(NOT_THERE)
    (found,) = stored_files.package(own_package.model_copy(update={"rest_proxy_archive": "s3://nobodys/a.tar.gz"}))
    assert (found.outcome, "there is no bucket 'nobodys' (rest_proxy_archive)" in found.found) == ("wrong", True)


def test_what_these_credentials_may_not_see_nobody_knows(own_package, s3):
    s3(("head_bucket", "403", 403), THERE, ("head_object", "403", 403))
    (of_plugin,) = stored_files.plugin(own_package)
    (of_package,) = stored_files.package(own_package)
    assert [of_plugin.outcome, of_package.outcome] == ["not checked", "not checked"]


def test_nothing_is_asked_where_nothing_is_needed(wanted, makes_all, local, s3):
    found = [*stored_files.plugin(wanted), *stored_files.package(makes_all), *stored_files.package(local)]
    assert {finding.outcome for finding in found} == {"not checked"}
