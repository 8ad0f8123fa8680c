"""Whether the files that somebody has to put into S3 are there: the connectors' plugin, the REST proxy's package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from pinpipe_airflow.aws_place import aws_place
from pinpipe_airflow.hooks.plugin_archive import PluginArchiveHook
from pinpipe_airflow.hooks.s3_bucket import S3BucketHook
from pinpipe_airflow.made_here import makes_rest_proxy, uses_msk_connect
from pinpipe_airflow.preflight.aws import client
from pinpipe_airflow.preflight.result import Check, Finding, not_checked, ok, warning, wrong

if TYPE_CHECKING:
    from include.settings import Settings

PLUGIN = "connectors' plugin"
PACKAGE = "REST proxy's package"
_MISSING = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")


def plugin(wanted: Settings) -> Iterator[Finding]:
    """See that the zip of the sink connector is in the bucket, and is one."""
    if not uses_msk_connect(wanted):
        yield not_checked(PLUGIN, "Kafka Connect brings its own; only MSK Connect needs a zip in S3")
        return
    if not_yet := _without_bucket(PLUGIN, wanted, wanted.bucket, wanted.connect_plugin, "connect_plugin"):
        yield not_yet
        return
    try:
        PluginArchiveHook(**aws_place(wanted)).archive(wanted.bucket, wanted.connect_plugin)
    except (FileNotFoundError, ValueError) as refused:
        found, _, way_out = str(refused).partition(": ")
        yield wrong(PLUGIN, found, way_out)
    except (BotoCoreError, ClientError) as error:
        yield not_checked(PLUGIN, f"S3 does not say whether it is there: {error}", "see the check of the bucket")
    else:
        yield ok(PLUGIN, f"s3://{wanted.bucket}/{wanted.connect_plugin} is there, and a zip")


def package(wanted: Settings) -> Iterator[Finding]:
    """See that the package that instances of the REST proxy install is where the settings say, if that is in S3."""
    place = urlsplit(wanted.rest_proxy_package)
    if not makes_rest_proxy(wanted) or place.scheme != "s3":
        yield not_checked(PACKAGE, "no instance of the REST proxy gets one from S3 with these settings")
        return
    bucket, key = place.netloc, place.path.lstrip("/")
    if not_yet := _without_bucket(PACKAGE, wanted, bucket, key, "rest_proxy_archive"):
        yield not_yet
        return
    try:
        client(wanted, "s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _MISSING:
            yield wrong(PACKAGE, f"s3://{bucket}/{key} is not there", _copy(bucket, key, "rest_proxy_archive"))
        else:
            yield not_checked(
                PACKAGE, f"s3://{bucket}/{key} answers {code} to these credentials; the instances have others"
            )
    except BotoCoreError as error:
        yield not_checked(PACKAGE, f"S3 does not say whether it is there: {error}", "see the check of the bucket")
    else:
        yield ok(PACKAGE, f"s3://{bucket}/{key} is there")


def _without_bucket(subject: str, wanted: Settings, bucket: str, key: str, setting: str) -> Finding | None:
    """Return what it means that a bucket is not there yet, or cannot be seen; ``None`` where it is there."""
    try:
        region = S3BucketHook(**aws_place(wanted)).region(bucket)
    except (PermissionError, BotoCoreError, ClientError) as error:
        return not_checked(subject, f"nobody can see into the bucket: {error}", "see the check of the bucket")
    if region is not None:
        return None
    if bucket != wanted.bucket:
        return wrong(subject, f"there is no bucket {bucket!r} ({setting})", _copy(bucket, key, setting))
    return warning(
        subject,
        f"s3://{bucket}/{key} cannot be there before the bucket is: the first run of provision makes the bucket, then "
        "stops at the tasks that need this file",
        f"{_copy(bucket, key, setting)}; then run provision once more. Or make the bucket beforehand: provision takes "
        "one of this account over",
    )


def _copy(bucket: str, key: str, setting: str) -> str:
    return f"aws s3 cp <the file> s3://{bucket}/{key}, or set {setting} to where it is"


CHECKS = (Check(PLUGIN, plugin), Check(PACKAGE, package))
