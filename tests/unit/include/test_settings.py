import os

import pytest

from include.settings import SettingsError, environment, settings


@pytest.fixture(autouse=True)
def nobodys_variables(monkeypatch):
    for name in [name for name in os.environ if name.upper().startswith("PINPIPE_")]:
        monkeypatch.delenv(name)
    settings.cache_clear()
    yield
    settings.cache_clear()


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
        ("PINPIPE_EMULATE_BATCH_SCHEDULE", "every day", "cron expression of five fields"),
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
    with pytest.raises(SettingsError, match=r"PINPIPE_TOPIC_PARTITIONS='0'.*PINPIPE_SETTLE_MINUTES='-1'"):
        settings()


@pytest.mark.parametrize("schedule", ["*/5 * * * *", "0 6 * * MON-FRI", "@daily"])
def test_a_schedule_is_a_cron_expression_or_a_preset(monkeypatch, schedule):
    monkeypatch.setenv("PINPIPE_EMULATE_BATCH_SCHEDULE", schedule)
    assert settings().emulate_batch_schedule == schedule


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
    ],
)
def test_a_wrong_line_of_an_environments_file_is_refused_by_file_and_line(monkeypatch, tmp_path, line, message):
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "local.yaml").write_text(line)
    monkeypatch.setattr("include.settings.resources.files", lambda _: tmp_path)
    with pytest.raises(SettingsError, match=message):
        settings()
