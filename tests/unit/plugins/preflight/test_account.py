from __future__ import annotations

import pytest
from pinpipe_airflow.preflight import account

from tests.unit.plugins.preflight.conftest import ACCOUNT, caller


@pytest.mark.parametrize(
    ("arn", "of", "outcome", "told"),
    [
        ("arn:aws:iam::111122223333:role/airflow", ACCOUNT, "ok", "role/airflow"),
        ("arn:aws:iam::999988887777:role/airflow", "999988887777", "wrong", "the setting account_id is 111122223333"),
        ("arn:aws:iam::111122223333:root", ACCOUNT, "warning", "those of the account itself"),
    ],
)
def test_the_callers_account_is_compared_with_the_setting(wanted, stubbed, arn, of, outcome, told):
    stubbed(account, sts=[caller(arn, of)])
    (found,) = account.look(wanted)
    assert found.outcome == outcome
    assert told in found.found


def test_credentials_that_are_not_valid_are_wrong_and_the_way_out_names_the_connection(wanted, stubbed):
    stubbed(account, sts=[("get_caller_identity", "ExpiredToken")])
    (found,) = account.look(wanted)
    assert (found.outcome, "ExpiredToken" in found.found, "aws_default" in found.way_out) == ("wrong", True, True)
