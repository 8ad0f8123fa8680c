"""What ``include/bootstrap.yaml`` tells its reader to set are settings, by these very names and in their form."""

from __future__ import annotations

import re

import pytest

from include.settings import Settings
from tests.unit.include.bootstrap_template import Stack, template

# What AWS would have made, by how the test's stack names it.
MADE = {
    "ref-AirflowBucket": "pinpipe-prod-airflowbucket-1a2b3c",
    "ref-Vpc": "vpc-0123456789abcdef0",
    "ref-PrivateSubnetA": "subnet-0123456789abcdef0",
    "ref-PrivateSubnetB": "subnet-0123456789abcdef1",
    "ref-KafkaSecurityGroup": "sg-0123456789abcdef0",
    "ref-PipelineBoundary": "arn:aws:iam::111122223333:policy/pinpipe-bootstrap/boundary",
    "ref-AlertsTopic": "arn:aws:sns:eu-west-1:111122223333:alerts",
}
NAMED = re.compile(r"\b[Ss]ettings? (`\w+`(?: and `\w+`)*)")


def named(description: str) -> list[str]:
    """Return the settings that a description names."""
    return [name for group in NAMED.findall(description) for name in re.findall(r"\w+(?=`)", group)]


def of_outputs() -> dict[str, str]:
    """Return the value of each setting that an output is for."""
    outputs = Stack().outputs
    found = {name: output["Value"] for output in outputs.values() for name in named(output["Description"])}
    for made, value in MADE.items():
        found = {name: told.replace(made, value) for name, told in found.items()}
    return found


def test_each_output_is_for_settings_of_these_names():
    assert set(of_outputs()) == {
        "account_id",
        "alerts",
        "connect_security_groups",
        "connect_subnets",
        "mwaa_bucket",
        "mwaa_environment",
        "permissions_boundary",
        "region",
        "vpc_id",
        "vpc_security_group_ids",
        "vpc_subnet_ids",
    }


def test_the_settings_take_what_the_outputs_give():
    given = of_outputs()
    taken = Settings(**given)
    assert {name: getattr(taken, name) for name in given} == given
    assert taken.vpc_subnets == ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]


@pytest.mark.parametrize("part", ["Parameters", "Outputs"])
def test_every_setting_that_is_named_exists(part):
    texts = [str(one.get("Description", "")) for one in template()[part].values()]
    assert {name for text in texts for name in named(text)} - set(Settings.model_fields) == set()
