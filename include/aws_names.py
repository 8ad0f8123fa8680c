"""Names of what is made on AWS, of the few characters and the length that its services take."""

from __future__ import annotations

import hashlib
import re

_HASH = 6
_NOT_TAKEN = re.compile(r"[^A-Za-z0-9]+")

# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
LONGEST_LOAD_BALANCER = 32
# https://docs.aws.amazon.com/msk/1.0/apireference/v2-clusters.html
LONGEST_CLUSTER = 64
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
LONGEST_ROLE = 64


def short_name(pipeline_id: str, part: str, longest: int) -> str:
    """Return ``<pipeline_id>-<part>`` of letters, digits and single hyphens, at most ``longest`` characters.

    Where the id has other characters or is too long, a hash of it keeps apart what would have the same name.

    :param pipeline_id: id of the pipeline.
    :param part: what it is, letters, digits and hyphens; empty for the pipeline itself.
    :param longest: characters that the service takes, at least 24.
    """
    ending = f"-{part}" if part else ""
    readable = _NOT_TAKEN.sub("-", pipeline_id).strip("-")
    if readable == pipeline_id and len(readable + ending) <= longest and not readable.startswith("internal-"):
        return readable + ending
    hashed = hashlib.sha256(pipeline_id.encode()).hexdigest()[:_HASH]
    readable = readable.removeprefix("internal-")[: longest - len(ending) - _HASH - 1].strip("-")
    return (f"{readable}-{hashed}" if readable else f"p{hashed}") + ending


def cluster_name(pipeline_id: str) -> str:
    """Return the name of a pipeline's MSK cluster."""
    return short_name(pipeline_id, "", LONGEST_CLUSTER)


def role_name(pipeline_id: str, role: str) -> str:
    """Return the name of one of the pipeline's roles, such as ``pinpipe-api-kinesis``.

    :param pipeline_id: the setting of this name.
    :param role: folder of its documents in ``include/iam``, such as ``api_kinesis``.
    """
    return short_name(pipeline_id, role.replace("_", "-"), LONGEST_ROLE)


def api_log_group(pipeline_id: str) -> str:
    """Return the name of the log group of the REST API's access log."""
    return f"/pinpipe/{pipeline_id}/api-access"


def rest_proxy_name(pipeline_id: str) -> str:
    """Return the name that load balancer, target group, instances and VPC link of a REST proxy share."""
    return short_name(pipeline_id, "rest-proxy", LONGEST_LOAD_BALANCER)
