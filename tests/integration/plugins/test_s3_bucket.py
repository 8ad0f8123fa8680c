from __future__ import annotations

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
