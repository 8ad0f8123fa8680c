"""Clients of AWS that give up soon, and what their refusals mean to a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from botocore.config import Config
from botocore.exceptions import ClientError

from pinpipe_airflow.made_here import on_aws
from pinpipe_airflow.preflight.result import Finding, not_checked

if TYPE_CHECKING:
    from include.settings import Settings

_BRISK = Config(connect_timeout=5, read_timeout=10)
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
# What stand-ins say to calls that they do not have.
_UNKNOWN_CALL = (
    "InvalidAction",
    "NotImplemented",
    "UnknownOperation",
    "UnknownOperationException",
    "UnsupportedOperation",
    "404",
    "501",
)


def client(wanted: Settings, service: str, *, attempts: int = 2) -> Any:
    """Return a boto3 client by the connection ``aws_conn_id``.

    :param service: boto3's name of the service.
    :param attempts: how often a call is made at most, such as one that AWS throttles.
    """
    config = _BRISK.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}))
    hook = AwsBaseHook(aws_conn_id=wanted.aws_conn_id, region_name=wanted.region, client_type=service, config=config)
    return hook.get_client_type(region_name=wanted.region, config=config)


def refusal(subject: str, error: ClientError, action: str, wanted: Settings) -> Finding:
    """Return what a refusal of a call means that only helps to check.

    :param action: the IAM action of the call.
    :raises ClientError: the same one, where it is no matter of permission.
    """
    code = error.response["Error"].get("Code", "")
    if code in _DENIED:
        return not_checked(subject, f"these credentials may not call {action}", f"allow {action} to have it checked")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if not on_aws(wanted) and (code in _UNKNOWN_CALL or status in (404, 501)):
        return not_checked(subject, f"the local AWS does not have {action}")
    raise error
