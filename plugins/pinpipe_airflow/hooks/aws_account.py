"""The AWS account that a connection's credentials belong to."""

from __future__ import annotations

from pinpipe_airflow.hooks.patient_aws import PatientAwsHook


class WrongAccountError(ValueError):
    """The credentials are of another account than the one that is set."""


class AwsAccountHook(PatientAwsHook):
    """Asks STS whose credentials these are.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "sts"

    def checked_account(self, expected: str = "") -> tuple[str, str]:
        """Return partition and account id.

        :param expected: the account that it should be, twelve digits; empty: any.
        :raises WrongAccountError: when it is another.
        """
        caller = self.client.get_caller_identity()
        if expected and caller["Account"] != expected:
            raise WrongAccountError(
                f"connection {self.aws_conn_id!r} is to account {caller['Account']} ({caller['Arn']}), and the setting "
                f"account_id says {expected}: give the connection credentials of that account, or correct the setting"
            )
        # As the caller's ARN has it: where STS is asked does not tell it.
        return caller["Arn"].split(":")[1], caller["Account"]
