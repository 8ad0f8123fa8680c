import re

import pytest

from include import iam_names
from include.aws_names import role_name
from include.iam_roles import ROLES

CLUSTER = "arn:aws:kafka:us-east-1:111122223333:cluster/pins/0123-abcd-5"


def test_arns_are_known_before_a_role_is_there():
    assert iam_names.role_arn("aws", "111122223333", "pins", "api_kinesis") == (
        "arn:aws:iam::111122223333:role/pinpipe/pins-api-kinesis"
    )
    assert iam_names.instance_profile_arn("aws-cn", "111122223333", "pins", "rest_proxy") == (
        "arn:aws-cn:iam::111122223333:instance-profile/pinpipe/pins-rest-proxy"
    )


@pytest.mark.parametrize("pipeline_id", ["p", "p" * 50, "p" * 51, "p" * 100, "my_posts", "internal-" + "p" * 91])
def test_a_name_is_never_longer_than_iam_takes_and_no_two_roles_have_the_same(pipeline_id):
    names = [role_name(pipeline_id, role) for role in ROLES]
    assert len(set(names)) == len(ROLES)
    assert all(re.fullmatch(r"[\w+=,.@-]{1,64}", name) for name in names)
    # what a role is for can still be read
    assert all(name.endswith(f"-{role.replace('_', '-')}") for name, role in zip(names, ROLES, strict=True))


def test_long_names_that_begin_alike_differ():
    assert role_name("p" * 99 + "a", "connect") != role_name("p" * 99 + "b", "connect")


def test_topics_and_groups_are_named_after_their_cluster():
    assert iam_names.kafka_arn(CLUSTER, "topic", "pins.pin") == (
        "arn:aws:kafka:us-east-1:111122223333:topic/pins/0123-abcd-5/pins.pin"
    )
    assert iam_names.kafka_arn(CLUSTER, "group", "connect-*").endswith(":group/pins/0123-abcd-5/connect-*")


@pytest.mark.parametrize("arn", ["", "pins", f"{CLUSTER}/more", CLUSTER.replace("pins", "*"), "arn:aws:s3:::pins"])
def test_what_is_no_cluster_is_refused(arn):
    with pytest.raises(ValueError, match="is no ARN of an MSK cluster"):
        iam_names.kafka_arn(arn, "topic", "t")
