"""ARNs of roles, known before the roles exist, and of what their policies speak of.

Pure: the partition and the account id are asked of STS when a task runs, see
:class:`pinpipe_airflow.operators.aws_account.AwsAccountOperator`.
"""

from __future__ import annotations

import re
from typing import Literal

from include.aws_names import role_name

ROLE_PATH = "/pinpipe/"
# In the bucket: what MSK Connect loads its plugin from, and the REST proxy's instances their package.
CONNECT_PLUGIN_PREFIX = "plugins/"
REST_PROXY_PREFIX = "rest-proxy/"

_CLUSTER_ARN = re.compile(r"arn:aws[a-z-]*:kafka:[a-z0-9-]+:[0-9]{12}:cluster/[^/*?]+/[^/*?]+")


def role_arn(partition: str, account_id: str, pipeline_id: str, role: str) -> str:
    """Return the ARN of one of the pipeline's roles, whether it exists or not.

    :param partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
    :param account_id: twelve digits.
    """
    return f"arn:{partition}:iam::{account_id}:role{ROLE_PATH}{role_name(pipeline_id, role)}"


def instance_profile_arn(partition: str, account_id: str, pipeline_id: str, role: str) -> str:
    """Return the ARN of the instance profile that holds a role and has its name."""
    return f"arn:{partition}:iam::{account_id}:instance-profile{ROLE_PATH}{role_name(pipeline_id, role)}"


def kafka_arn(cluster_arn: str, kind: Literal["topic", "group"], name: str) -> str:
    """Return the ARN of a topic or consumer group of an MSK cluster.

    https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html#msk-iam-resources

    :param cluster_arn: ``arn:aws:kafka:<region>:<account>:cluster/<name>/<uuid>``.
    :param name: of the topic or group; it may end with ``*``.
    :raises ValueError: when ``cluster_arn`` is none.
    """
    if not _CLUSTER_ARN.fullmatch(cluster_arn):
        raise ValueError(
            f"{cluster_arn!r} is no ARN of an MSK cluster (arn:aws:kafka:<region>:<account>:cluster/<name>/<uuid>): "
            "see it in the MSK console under the cluster's properties"
        )
    return f"{cluster_arn.replace(':cluster/', f':{kind}/', 1)}/{name}"
