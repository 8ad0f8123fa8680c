from __future__ import annotations

import pytest
from botocore.exceptions import IncompleteReadError
from botocore.stub import Stubber

from local.connect.object_store import ObjectStore, StoreRefusedError, StoreUnavailableError


class CutOff:
    def read(self) -> bytes:
        raise IncompleteReadError(actual_bytes=3, expected_bytes=9)


@pytest.fixture(scope="module")
def store() -> ObjectStore:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        return ObjectStore("bucket", "us-east-1")


def test_an_answer_that_is_cut_off_is_tried_again_later(store):
    with Stubber(store._client) as s3:
        s3.add_client_error("put_object", "PreconditionFailed", http_status_code=412)
        s3.add_response("get_object", {"Body": CutOff(), "ETag": '"1"'})
        with pytest.raises(StoreUnavailableError, match="3 read, but total bytes expected is 9"):
            store.put("a.json", b"1\n", "application/json")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("SlowDown", 503, StoreUnavailableError),
        ("RequestTimeout", 400, StoreUnavailableError),
        ("AccessDenied", 403, StoreRefusedError),
        ("NoSuchBucket", 404, StoreRefusedError),
    ],
)
def test_only_what_may_pass_is_tried_again(store, code, status, error):
    with Stubber(store._client) as s3:
        for _ in range(2):  # botocore's own second attempt
            s3.add_client_error("put_object", code, http_status_code=status)
        with pytest.raises(error, match=code):
            store.put("a.json", b"1\n", "application/json")
