"""The operator that asks which AWS account the pipeline is in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from include import iam_names
from include.iam_roles import ROLES

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.aws_account import AwsAccountHook


class AwsAccountOperator(BaseOperator):
    """Returns the account, and the ARNs that the pipeline's roles have in it, whether they exist or not.

    It changes nothing, so it does the same when only a plan is wanted.

    :param pipeline_id: the roles' names begin with it. (templated)
    :param account_id: account that it has to be; empty: any. (templated)
    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region to ask in.
    :return: ``{"changed": False, "account_id", "partition", "role_arns": {role: ARN}, "instance_profile_arns": …}``.
    :raises AirflowFailException: when it is another account.
    """

    template_fields: Sequence[str] = ("pipeline_id", "account_id", "aws_conn_id")

    def __init__(
        self,
        *,
        pipeline_id: str,
        account_id: str = "",
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline_id = pipeline_id
        self.account_id = account_id
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> AwsAccountHook:
        """The hook that talks to STS; imported here, as it brings boto3 along."""
        from pinpipe_airflow.hooks.aws_account import AwsAccountHook

        return AwsAccountHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Ask STS, and derive the ARNs."""
        from pinpipe_airflow.hooks.aws_account import WrongAccountError

        try:
            partition, account_id = self.hook.checked_account(self.account_id)
        except WrongAccountError as refused:
            raise AirflowFailException(str(refused)) from refused  # another try would be refused too
        of_account = (partition, account_id, self.pipeline_id)
        self.log.info("This is account %s of partition %s", account_id, partition)
        return {
            "changed": False,
            "account_id": account_id,
            "partition": partition,
            "role_arns": {role: iam_names.role_arn(*of_account, role) for role in ROLES},
            "instance_profile_arns": {
                role: iam_names.instance_profile_arn(*of_account, role)
                for role, declared in ROLES.items()
                if declared.instance_profile
            },
        }
