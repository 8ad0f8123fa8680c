from __future__ import annotations

import json

import boto3
import pytest
from pinpipe_airflow.hooks.s3_bucket import PUBLIC_ACCESS_BLOCKED
from pinpipe_airflow.operators.s3_bucket import S3BucketOperator

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("s3")]


def ensure(bucket, region="us-east-1", **given):
    return S3BucketOperator(task_id="bucket", bucket=bucket, region=region, **given).execute({})


@pytest.fixture
def client(s3):
    return boto3.client("s3")


def test_a_bucket_is_created_with_everything_it_needs(client, name):
    receipt = ensure(name)
    assert receipt["changed"]
    assert receipt["actions"][0] == "created in us-east-1"
    assert client.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    rule = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == PUBLIC_ACCESS_BLOCKED


def test_a_second_time_changes_nothing_and_says_so(name, capsys):
    ensure(name)
    capsys.readouterr()
    assert ensure(name) == {"changed": False, "bucket": name, "actions": []}
    assert f"Bucket {name} already exists as wanted" in capsys.readouterr().out


def test_only_what_differs_is_changed(client, name):
    ensure(name)
    client.delete_public_access_block(Bucket=name)
    assert ensure(name)["actions"] == ["public access blocked"]
    assert ensure(name, versioning=False)["actions"] == ["versioning suspended"]


def test_old_versions_are_kept_for_a_while_and_other_rules_of_the_life_cycle_stay(client, name):
    ensure(name)
    others = [{"ID": "archive", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 9}}]
    client.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": others})
    assert ensure(name, old_version_days=30)["actions"] == ["old versions are kept for 30 days"]
    assert not ensure(name, old_version_days=30)["changed"]
    assert ensure(name, old_version_days=7)["actions"] == ["old versions are kept for 7 days"]
    archive, ours = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert (archive["ID"], archive["Expiration"]) == ("archive", {"Days": 9})
    assert ours["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert ours["Expiration"] == {"ExpiredObjectDeleteMarker": True}


def test_a_partial_public_access_block_is_completed(client, name):
    ensure(name)
    client.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration={**PUBLIC_ACCESS_BLOCKED, "BlockPublicPolicy": False}
    )
    assert ensure(name)["actions"] == ["public access blocked"]


def test_kms_encryption_is_set_with_its_key(client, name):
    ensure(name)
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    assert ensure(name, encryption="aws:kms", kms_key_id=key)["actions"] == ["default encryption aws:kms"]
    assert not ensure(name, encryption="aws:kms", kms_key_id=key)["changed"]
    rule = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key


def test_a_key_without_kms_is_refused_before_anything_is_made(client, name):
    with pytest.raises(ValueError, match="kms_key_id"):
        ensure(name, kms_key_id="k")
    assert name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}


def test_a_bucket_in_another_region_is_told_with_the_way_out(name):
    ensure(name, region="eu-west-1")
    with pytest.raises(ValueError, match=rf"'{name}' is in region 'eu-west-1', 'us-east-1' wanted.*cannot move"):
        ensure(name)


def test_a_bucket_in_its_region_is_found_there(name):
    ensure(name, region="eu-west-1")
    assert ensure(name, region="eu-west-1")["changed"] is False


def tls_only(name):
    arn = f"arn:aws:s3:::{name}"
    return {
        "Sid": "PinpipeTlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def policy_of(client, name):
    return json.loads(client.get_bucket_policy(Bucket=name)["Policy"])


def test_requests_without_tls_are_denied_and_other_statements_of_the_policy_stay(client, name):
    ensure(name)
    assert policy_of(client, name)["Statement"] == [tls_only(name)]
    others = {
        "Sid": "Auditors",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{name}",
    }
    outdated = {**tls_only(name), "Action": "s3:GetObject"}
    document = {"Version": "2012-10-17", "Statement": [outdated, others]}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps(document))
    assert ensure(name)["actions"] == ["requests without TLS are denied"]
    assert policy_of(client, name)["Statement"] == [others, tls_only(name)]
    assert not ensure(name)["changed"]


def test_a_statement_of_somebody_elses_that_says_the_same_is_enough(client, name):
    ensure(name)
    same = {**tls_only(name), "Sid": "Ours", "Action": ["s3:*"], "Principal": {"AWS": "*"}}
    same["Condition"] = {"Bool": {"aws:securetransport": False}}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": same}))
    assert not ensure(name)["changed"]
    assert policy_of(client, name)["Statement"] == same


def test_access_control_lists_count_for_nothing(client, name):
    ensure(name)
    client.put_bucket_ownership_controls(
        Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    assert ensure(name)["actions"] == ["its owner owns every object"]
    rules = client.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    client.delete_bucket_ownership_controls(Bucket=name)
    assert ensure(name)["changed"]


def test_tags_are_set_beside_others(client, name):
    ensure(name)
    client.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "team", "Value": "pins"}]})
    assert ensure(name, tags={"pipeline": "p"})["actions"] == ["tags pipeline"]
    assert not ensure(name, tags={"pipeline": "p"})["changed"]
    tags = {tag["Key"]: tag["Value"] for tag in client.get_bucket_tagging(Bucket=name)["TagSet"]}
    assert tags == {"team": "pins", "pipeline": "p"}


def test_raw_objects_move_to_another_class_and_no_more_once_that_is_not_wanted(client, name):
    ensure(name, old_version_days=30)
    actions = ensure(name, old_version_days=30, raw_transition_days=90, raw_storage_class="GLACIER_IR")["actions"]
    assert actions == ["raw objects move to GLACIER_IR after 90 days"]
    assert not ensure(name, old_version_days=30, raw_transition_days=90, raw_storage_class="GLACIER_IR")["changed"]
    _, rule = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert rule["Filter"] == {"Prefix": "topics/"}
    assert rule["Transitions"] == [{"Days": 90, "StorageClass": "GLACIER_IR"}]
    assert ensure(name, old_version_days=30)["actions"] == ["raw objects stay in their storage class"]
    (rule,) = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert rule["ID"] == "pinpipe-old-versions"


def test_the_last_rule_goes_with_the_life_cycle(client, name):
    ensure(name, raw_transition_days=90)
    assert ensure(name)["changed"]
    assert not ensure(name)["changed"]


def test_a_plan_says_what_would_be_done_and_changes_nothing(client, name):
    assert ensure(name, mode="plan")["planned"] == [f"create bucket {name} in us-east-1"]
    assert name not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    ensure(name)
    assert ensure(name, mode="plan")["planned"] == []
    client.delete_bucket_policy(Bucket=name)
    planned = [
        f"change bucket {name}: versioning suspended",
        f"change bucket {name}: requests without TLS are denied",
        f"change bucket {name}: tags pipeline",
    ]
    asked = {"versioning": False, "tags": {"pipeline": "p"}}
    assert ensure(name, mode="plan", **asked)["planned"] == planned
    assert ensure(name, mode="plan", **asked)["planned"] == planned
    assert ensure(name, **asked)["actions"] == [each.partition(": ")[2] for each in planned]
