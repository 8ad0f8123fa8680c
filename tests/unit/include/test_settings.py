import os
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.utils.dates import cron_presets

from include.job_definitions import job_definition
from include.rendering import read_text
from include.settings import SettingsError, environment, settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nobodys_variables(monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("PINPIPE_")]:
        monkeypatch.delenv(name)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def files(monkeypatch, tmp_path):
    """Environments of the test's own, by name."""

    def write(**texts):
        (tmp_path / "environments").mkdir()
        for name, text in texts.items():
            (tmp_path / "environments" / f"{name}.yaml").write_text(text)
        monkeypatch.setattr("include.environment.resources.files", lambda _: tmp_path)

    return write


def test_a_variable_wins_over_the_environments_file_and_the_default(monkeypatch):
    assert (settings().bucket, settings().topic_partitions) == ("pinpipe-local", 3)
    monkeypatch.setenv("PINPIPE_BUCKET", "mine")
    settings.cache_clear()
    assert settings().bucket == "mine"


@pytest.mark.parametrize("variable", ["BUCKET", "TOPIC_PARTITIONS", "EMULATE_BATCH_SCHEDULE", "ENV"])
def test_an_empty_variable_counts_as_not_set(monkeypatch, variable):
    wanted = settings()
    monkeypatch.setenv(f"PINPIPE_{variable}", "")
    settings.cache_clear()
    assert settings() == wanted


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("PINPIPE_TOPIC_PARTITIONS", "0", "it should be greater than or equal to 1"),
        ("PINPIPE_TOPIC_PARTITIONS", "many", "it should be a valid integer"),
        ("pinpipe_topic_partitions", "0", "it should be greater than or equal to 1"),
        ("PINPIPE_API_RATE_LIMIT", "inf", "it should be a finite number"),
        ("PINPIPE_SUPERSEDED_SHARE", "5", "it should be less than or equal to 1"),
        ("PINPIPE_PIPELINE_ID", "my pins", "it should match pattern"),
        ("PINPIPE_BUCKET", "My_Bucket", "it should match pattern"),
        ("PINPIPE_REGION", "Frankfurt", "it should match pattern"),
        ("PINPIPE_KAFKA_REST_URL", "proxy:8082", "it should match pattern"),
        ("PINPIPE_KAFKA_REST_URL", "http://my proxy", "it should match pattern"),
        ("PINPIPE_LAKE", "foo/", "it should match pattern"),
        ("PINPIPE_LAKE", "s3://bucket//delta", "it should match pattern"),
        ("PINPIPE_LAKE", "/mnt/delta", "it should match pattern"),
        ("PINPIPE_API_URL_FORMAT", "http://x/{foo}", "no other {…} than {api_id} and {region}"),
        ("PINPIPE_API_URL_FORMAT", "http://x/{}", "no other {…} than {api_id} and {region}"),
        ("PINPIPE_API_URL_FORMAT", "http://x/{api_id.__class__}", "no other {…} than {api_id} and {region}"),
        ("PINPIPE_API_URL_FORMAT", "http://x/{api_id!r}", "no other {…} than {api_id} and {region}"),
        ("PINPIPE_API_URL_FORMAT", "http://x/{api_id", "expected '}' before end of string"),
        ("PINPIPE_EMULATE_BATCH_SCHEDULE", "every day", "cron expression of five fields"),
        ("PINPIPE_EMULATE_BATCH_SCHEDULE", "none", "cron expression of five fields"),
        ("PINPIPE_EMULATE_BATCH_SCHEDULE", "@foo", "the presets are @hourly, @daily,"),
        ("PINPIPE_EMULATE_BATCH_SCHEDULE", "@continuous", "the presets are @hourly, @daily,"),
        ("PINPIPE_EMULATE_BATCH_SCHEDULE", "99 99 * * *", "[99 99 * * *] is not acceptable, out of range"),
        ("PINPIPE_EMULATE_BATCH_SCHEDULE", "0 0 30 2 *", "has a next run: failed to find next date"),
        ("PINPIPE_ALERTS", "mail:me", "'mail:me' is none of `log`, `sns:<ARN of a standard topic>`"),
        ("PINPIPE_RUNBOOK_URL", "my wiki", "it should match pattern"),
        ("PINPIPE_DAILY_DEADLINE_MINUTES", "0", "it should be greater than or equal to 1"),
        ("PINPIPE_SETTLE_MINUTES", "99999999999999", "it should be less than or equal to 180"),
        ("PINPIPE_SINK_TIMEOUT_S", "99999999999999", "it should be less than or equal to 3600"),
        ("PINPIPE_TOPIC_RETENTION_MS", str(2**63), "it should be less than or equal to 9223372036854775807"),
    ],
)
def test_a_wrong_value_is_refused_by_variable_value_reason_and_way_out(monkeypatch, variable, value, reason):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refused:
        settings()
    message = str(refused.value)
    assert message.startswith(f"{variable}={value!r}: ")
    assert reason in message
    assert message.endswith("Give such a value, or unset it for the default")


def test_all_wrong_values_are_told_at_once(monkeypatch):
    monkeypatch.setenv("PINPIPE_TOPIC_PARTITIONS", "0")
    monkeypatch.setenv("PINPIPE_SETTLE_MINUTES", "-1")
    with pytest.raises(SettingsError) as refused:
        settings()
    assert "PINPIPE_TOPIC_PARTITIONS='0'" in str(refused.value)
    assert "PINPIPE_SETTLE_MINUTES='-1'" in str(refused.value)


@pytest.mark.parametrize("lake", ["s3://bucket/delta", "s3://bucket", "s3://my.bucket/a/b=1/"])
def test_the_lake_is_a_place_in_s3(monkeypatch, lake):
    monkeypatch.setenv("PINPIPE_LAKE", lake)
    assert settings().lake_root == lake


@pytest.mark.parametrize("address", ["https://{api_id}.execute-api.{region}.amazonaws.com", "https://api.example.com"])
def test_an_address_of_the_api_may_name_its_id_and_region(monkeypatch, address):
    monkeypatch.setenv("PINPIPE_API_URL_FORMAT", address)
    assert settings().api_url_format == address


@pytest.mark.parametrize("schedule", ["*/5 * * * *", "0 6 * * MON-FRI", *cron_presets])
def test_a_schedule_is_a_cron_expression_or_a_preset(monkeypatch, schedule):
    monkeypatch.setenv("PINPIPE_EMULATE_BATCH_SCHEDULE", schedule)
    assert settings().emulate_batch_schedule == schedule


def test_cron_is_loaded_only_where_a_schedule_is_set():
    ask = "import sys; from include.settings import settings; settings(); print('croniter' in sys.modules)"
    for schedule, loaded in (("", "False"), ("@daily", "False"), ("0 6 * * *", "True")):
        environment = {**os.environ, "PINPIPE_EMULATE_BATCH_SCHEDULE": schedule}
        done = subprocess.run(
            [sys.executable, "-c", ask], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
        assert (done.stdout.strip(), done.stderr) == (loaded, "")


@pytest.mark.parametrize("variable", ["PINPIPE_ENV", "pinpipe_env"])
def test_the_environment_and_its_file_are_the_same_one(monkeypatch, files, variable):
    on_aws = read_text("environments", "example-aws.yaml")
    files(prod=on_aws.replace("bucket: example-company-pinpipe", "bucket: prods-own"))
    monkeypatch.setenv(variable, "prod")
    assert (environment(), settings().env, settings().bucket) == ("prod", "prod", "prods-own")


def test_an_unknown_environment_is_refused_with_those_there_are(monkeypatch):
    monkeypatch.setenv("PINPIPE_ENV", "moon")
    with pytest.raises(SettingsError, match=r"PINPIPE_ENV='moon': there is no include/environments/moon.yaml.*local"):
        environment()
    with pytest.raises(SettingsError, match="PINPIPE_ENV='moon'"):
        settings()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "topic_partitions: 0",
            r"include/environments/local.yaml: topic_partitions: 0: it should be .*remove the line",
        ),
        ("topic_partition: 5", r"include/environments/local.yaml: there is no setting 'topic_partition'"),
        ("env: other", r"include/environments/local.yaml: env: 'other': the file's name .*remove the line"),
        ("- bucket: mine", r"include/environments/local.yaml holds something else than lines .*write it so"),
        ("1: mine", r"include/environments/local.yaml holds something else than lines .*write it so"),
        ("bucket: [mine", r"include/environments/local.yaml is not YAML: .*line 1, column 9.*; mend it"),
        ("bucket: 2026-99-99", r"include/environments/local.yaml is not YAML: month must be in 1..12; mend it"),
        ("bucket: \x00", r"include/environments/local.yaml is not YAML: .*; mend it"),
    ],
)
def test_a_wrong_line_of_an_environments_file_is_refused_by_file_and_line(files, line, message):
    files(local=line)
    with pytest.raises(SettingsError, match=message):
        settings()


def test_an_empty_variable_is_not_blamed_for_a_line_of_the_file(monkeypatch, files):
    files(local="topic_partitions: 0")
    monkeypatch.setenv("PINPIPE_TOPIC_PARTITIONS", "")
    with pytest.raises(SettingsError, match=r"^include/environments/local.yaml: topic_partitions: 0: "):
        settings()


def test_an_empty_file_sets_nothing(files):
    files(local="# nothing")
    assert settings().topic_partitions == 3


def test_what_a_day_is_judged_by_is_told_as_texts_under_the_names_of_the_jobs_parameters(monkeypatch):
    monkeypatch.setenv("PINPIPE_MAX_QUARANTINED_SHARE", "0.25")
    told = settings().judged_by
    assert (told["max_quarantined_share"], told["quarantined_rows_allowed"]) == ("0.25", "20")
    defaults = {of["name"]: of["default"] for of in job_definition("clean_batch", settings().marks)["parameters"]}
    assert told == {name: defaults[name] for name in told}
