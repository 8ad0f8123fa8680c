"""Whose credentials these are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pinpipe_airflow.made_here import on_aws
from pinpipe_airflow.preflight.aws import client
from pinpipe_airflow.preflight.result import Check, Finding, ok, warning, wrong

if TYPE_CHECKING:
    from include.settings import Settings

SUBJECT = "AWS credentials"


def look(wanted: Settings) -> Iterator[Finding]:
    """Ask STS who is calling, and compare the account with the setting."""
    try:
        caller = client(wanted, "sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        yield wrong(
            SUBJECT,
            f"STS does not take them: {error}",
            f"give the Airflow environment's role or the connection {wanted.aws_conn_id!r} credentials that are valid",
        )
        return
    account, arn = caller["Account"], caller["Arn"]
    if wanted.account_id and account != wanted.account_id:
        yield wrong(
            SUBJECT,
            f"they are {arn} of account {account}, and the setting account_id is {wanted.account_id}",
            "use credentials of that account, or mend the setting",
        )
    elif on_aws(wanted) and arn.endswith(":root"):
        yield warning(
            SUBJECT, f"they are those of the account itself: {arn}", "use a role that may do only what it needs"
        )
    else:
        yield ok(SUBJECT, f"{arn}, account {account}")


CHECKS = (Check(SUBJECT, look),)
