"""The operator that lets API Gateway write logs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from botocore.exceptions import ClientError

from pinpipe_airflow.hooks.api_stage import ApiStageHook
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

# A role that has just been made cannot be assumed everywhere at once.
TRIES, PAUSE_S = 6, 10.0


class ApiLogRoleOperator(ProvisioningOperator, AwsBaseOperator[ApiStageHook]):
    """
    Set the role by which API Gateway writes logs, where the account has none in this region.

    There is one for all APIs of an account and region: whatever is set stays, others may rely on it.

    .. seealso::
        - `Permissions for CloudWatch logging \
        <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>`__

    :param role_arn: The role; it needs the managed policy ``AmazonAPIGatewayPushToCloudWatchLogs``, and to be trusted
        to ``apigateway.amazonaws.com``. Only needed where the account has none. (templated)
    :param aws_conn_id: The Airflow connection used for AWS credentials.
    :param region_name: AWS region_name. If not specified then the default boto3 behaviour is used.
    :param verify: Whether or not to verify SSL certificates.
    :param botocore_config: Configuration dictionary (key-values) for botocore client.
    :return: a receipt ``{"changed": bool, "role": ARN, "actions": [what was done, …]}``.
    :raises ValueError: when the account has no role, and none is given or API Gateway refuses it.
    """

    aws_hook_class = ApiStageHook
    template_fields: Sequence[str] = aws_template_fields("role_arn")
    ui_color = "#eed8f3"

    def __init__(self, *, role_arn: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.role_arn = role_arn

    def plan(self) -> list[str]:
        """Return whether it would be set."""
        return [] if self.hook.log_role() else [f"change API Gateway's account: log role {self._given()}"]

    def apply(self, context: Context) -> dict[str, Any]:
        """Set it if there is none."""
        known = self.hook.log_role()
        if known:
            self.log.info("API Gateway writes logs by %s in this account", known)
            return {"changed": False, "role": known, "actions": []}
        self._set()
        self.log.info("API Gateway writes logs by %s from now on", self.role_arn)
        return {"changed": True, "role": self.role_arn, "actions": ["set"]}

    def _set(self) -> None:
        role = self._given()
        for attempt in range(1, TRIES + 1):
            try:
                return self.hook.set_log_role(role)
            except ClientError as error:
                said = error.response["Error"]
                if said["Code"] != "BadRequestException":
                    raise
                if attempt == TRIES:
                    raise ValueError(
                        f"API Gateway refuses {role} for writing logs: {said.get('Message')}. Give it the managed "
                        "policy AmazonAPIGatewayPushToCloudWatchLogs and trust apigateway.amazonaws.com, or set "
                        "api_access_log to false"
                    ) from error
            time.sleep(PAUSE_S)
        return None

    def _given(self) -> str:
        if not self.role_arn:
            raise ValueError(
                "API Gateway has no role for writing logs in this account and region: set api_log_role to one, or "
                "api_access_log to false"
            )
        return self.role_arn
