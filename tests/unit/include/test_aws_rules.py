import os

import pytest
import yaml

from include.aws_rules import Given, aws_faults
from include.environment import environment_file, environments
from include.settings import Settings, SettingsError, settings

ACCOUNT = "111122223333"


@pytest.fixture(autouse=True)
def nobodys_variables(monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("PINPIPE_")]:
        monkeypatch.delenv(name)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def refusal(monkeypatch, tmp_path):
    """What is said of an environment on AWS that is right but for what is changed; ``None`` removes a line.

    REST proxy and roles are somebody's own.
    """

    def told(env="prod", /, **changed):
        own = {
            "rest_proxy": None,
            "kafka_rest_url": "https://kafka-rest.example.com",
            "managed_roles": False,
            "permissions_boundary": None,
            "api_kinesis_role": f"arn:aws:iam::{ACCOUNT}:role/pinpipe-api-kinesis",
        }
        lines = {**environment_file("example-aws"), **own, **changed}
        (tmp_path / "environments").mkdir()
        text = yaml.safe_dump({name: value for name, value in lines.items() if value is not None})
        (tmp_path / "environments" / f"{env}.yaml").write_text(text)
        monkeypatch.setattr("include.environment.resources.files", lambda _: tmp_path)
        monkeypatch.setenv("PINPIPE_ENV", env)
        try:
            settings()
        except SettingsError as refused:
            return str(refused)
        return ""

    return told


@pytest.mark.parametrize("name", environments())
def test_every_environment_in_the_folder_is_valid(monkeypatch, name):
    monkeypatch.setenv("PINPIPE_ENV", name)
    assert settings().env == name


def test_the_example_names_every_connection_and_what_is_somebodys_own():
    named = set(environment_file("example-aws"))
    assert {field for field in Settings.model_fields if field.endswith("_conn_id")} <= named
    assert {"account_id", "region", "bucket", "permissions_boundary", "vpc_id", "vpc_subnet_ids"} <= named


def test_the_example_has_provision_make_all_that_it_can():
    made = {"managed_roles": True, "managed_connections": True, "msk_cluster": "create", "rest_proxy": "create"}
    chosen = {"connect_backend": "msk", "api_access_log": True, "topic_replication": -1}
    assert {**made, **chosen}.items() <= environment_file("example-aws").items()
    assert environment_file("example-aws")["databricks_catalog"]


def test_the_role_of_databricks_is_of_databricks_account():
    databricks = "arn:aws:iam::414351767826:role/master"
    given = {"env": "prod", "account_id": ACCOUNT, "unity_catalog_principal": databricks, "region": "eu-west-1"}
    assert aws_faults(Given(given, given)) == []
    named = {**given, "connect_role": databricks}
    assert [field for field, _ in aws_faults(Given(named, named))] == ["connect_role"]


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"bucket": None}, "bucket", "it is the laptop's bucket"),
        ({"bucket": "pinpipe-local"}, "bucket", "it is the laptop's bucket"),
        ({"region": None}, "region", "it has to be given on AWS"),
        ({"api_kinesis_role": None}, "api_kinesis_role", "it is the laptop's role"),
        ({"kafka_rest_url": None}, "kafka_rest_url", "it is an address of the machine itself"),
        ({"kafka_rest_url": "https://localhost:8082"}, "kafka_rest_url", "it is an address of the machine itself"),
        ({"kafka_rest_url": "http://[::1]:8082"}, "kafka_rest_url", "it is an address of the machine itself"),
        ({"runbook_url": "http://127.0.0.1/run"}, "runbook_url", "it is an address of the machine itself"),
        ({"api_url_format": None}, "api_url_format", "it is an address of the machine itself"),
        ({"api_url_format": "https://127.0.0.1/{api_id}"}, "api_url_format", "it is an address of the machine itself"),
        (
            {"api_url_format": "http://{api_id}.execute-api.{region}.amazonaws.com"},
            "api_url_format",
            "it has to begin with https://",
        ),
        (
            {"api_url_format": "https://{api_id}.execute-api.us-east-1.amazonaws.com"},
            "api_url_format",
            "it names region us-east-1, and the setting region is eu-west-1",
        ),
        ({"account_id": "999988887777"}, "api_kinesis_role", f"it is of account {ACCOUNT}, and the setting"),
        ({"spark_wheel": "dist/spark.whl"}, "spark_wheel", "Databricks reads it from /Volumes/"),
    ],
)
def test_what_is_right_on_a_laptop_and_wrong_on_aws_is_refused_with_field_value_and_way_out(
    refusal, changed, field, reason
):
    message = refusal(**changed)
    value = changed[field] if changed.get(field) else Settings.model_fields[field].default
    value = environment_file("prod")[field] if field not in changed else value
    assert f"include/environments/prod.yaml: {field}: {value!r}: {reason}" in message
    assert f"Set it in include/environments/prod.yaml, or as PINPIPE_{field.upper()}" in message


def test_the_example_with_somebodys_own_values_is_taken(refusal):
    role = "arn:aws:iam::999988887777:role/team/api"
    assert refusal(account_id="999988887777", api_kinesis_role=role, kafka_rest_url="http://nlb.internal:82") == ""


def test_a_role_of_any_account_will_do_where_no_account_is_named(refusal):
    assert refusal(account_id=None) == ""


def test_what_provision_makes_need_not_be_named():
    laptops = {"env": "prod", "kafka_rest_url": "http://127.0.0.1:82", "api_kinesis_role": f"arn:aws:iam::{'0' * 12}:r"}
    assert len(aws_faults(Given(laptops, laptops))) == 2
    assert aws_faults(Given({**laptops, "rest_proxy": "create", "managed_roles": True}, laptops)) == []


def test_only_a_laptops_bucket_may_have_no_versions():
    (fault,) = aws_faults(Given({"env": "prod", "old_version_days": None}, ()))
    assert fault[0] == "old_version_days"
    assert aws_faults(Given({"env": "local", "old_version_days": None}, ())) == []


def test_the_laptop_may_have_all_of_it(refusal):
    assert refusal("local", region=None, bucket=None, kafka_rest_url=None, api_url_format=None) == ""


def test_faults_of_single_fields_and_those_between_fields_are_told_at_once(refusal):
    message = refusal(topic_partitions=0, bucket=None, nonsense=1, api_url_format="http://x/{foo}")
    for told in ("topic_partitions: 0: it should be", "bucket: 'pinpipe-local': it is", "no setting 'nonsense'"):
        assert told in message
    assert message.count("api_url_format") == 1  # what is no address is not judged as one


def test_a_fault_names_the_variable_that_it_comes_from(refusal, monkeypatch):
    monkeypatch.setenv("PINPIPE_KAFKA_REST_URL", "http://127.0.0.1:8082")
    assert "PINPIPE_KAFKA_REST_URL='http://127.0.0.1:8082': it is an address of the machine itself" in refusal()


@pytest.mark.parametrize("account", ["12345", "1111222233334", "mine"])
def test_an_account_has_twelve_digits(refusal, account):
    assert f"account_id: {account!r}: it should match pattern" in refusal(account_id=account)
