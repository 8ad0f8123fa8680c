"""The zip of the connectors' plugin, as S3 would answer."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from pinpipe_airflow.hooks.plugin_archive import PluginArchive, PluginArchiveHook

from include.connector_definitions import short_hash
from tests.unit.plugins.aws_stubs import REGION, credentials


@pytest.fixture
def s3(monkeypatch):
    credentials(monkeypatch)
    hook = PluginArchiveHook(aws_conn_id=None, region_name=REGION)
    with Stubber(hook.get_conn()) as stubber:
        yield SimpleNamespace(hook=hook, stub=stubber)


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchBucket"])
def test_a_zip_that_nobody_has_put_there_is_told_with_where_to_get_it(s3, code):
    s3.stub.add_client_error("get_object", code, http_status_code=404)
    with pytest.raises(FileNotFoundError, match=r"s3://b/k.zip cannot be read.*confluent.io/hub.*aws s3 cp"):
        s3.hook.archive("b", "k.zip")


@pytest.mark.parametrize(("first", "good"), [(b"PK\x03\x04", True), (b"<htm", False)])
def test_an_object_that_is_no_zip_is_refused(s3, first, good):
    answer = {
        "Body": StreamingBody(io.BytesIO(first), 4),
        "ETag": '"e"',
        "ContentRange": "bytes 0-3/99",
        "VersionId": "v1",
    }
    s3.stub.add_response("get_object", answer, {"Bucket": "b", "Key": "k.zip", "Range": "bytes=0-3"})
    if good:
        assert s3.hook.archive("b", "k.zip") == PluginArchive("b", "k.zip", "v1", short_hash("k.zip", "e", "99"))
    else:
        with pytest.raises(ValueError, match=r"s3://b/k.zip is no zip"):
            s3.hook.archive("b", "k.zip")
