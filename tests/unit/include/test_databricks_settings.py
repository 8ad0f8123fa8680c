from __future__ import annotations

import pytest
from pydantic import ValidationError

from include.settings import Settings

APPLICATION = "11111111-2222-3333-4444-555555555555"


def test_a_laptop_has_no_catalog_and_no_credential() -> None:
    wanted = Settings()
    assert (wanted.databricks_catalog, wanted.job_credential) == ("", "")
    assert wanted.marks["service_credential"] == ""


def test_with_a_catalog_jobs_have_a_credential_of_the_pipelines_name() -> None:
    wanted = Settings(databricks_catalog="pins", pipeline_id="p-1")
    assert (wanted.storage_credential, wanted.job_credential) == ("p-1-storage", "p-1-service")
    assert wanted.marks["service_credential"] == "p-1-service"


def test_a_credential_of_another_name_is_taken() -> None:
    assert Settings(databricks_catalog="pins", service_credential="theirs").job_credential == "theirs"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("databricks_catalog", "Pins"),
        ("databricks_catalog", "pins.batch"),
        ("databricks_catalog", "a`b"),
        ("databricks_catalog", "1st"),
        ("databricks_node_type", "m6gd"),
        ("databricks_policy_id", "a-b"),
        ("databricks_run_as", "airflow"),
        ("databricks_run_as", "a@b.c"),
        ("databricks_group", "a`b"),
        ("databricks_group", " readers"),
    ],
)
def test_what_databricks_would_not_take_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("databricks_catalog", "pins_2"), ("databricks_run_as", APPLICATION), ("databricks_group", "data scientists")],
)
def test_what_it_takes_is_taken(name: str, value: str) -> None:
    assert getattr(Settings(**{name: value}), name) == value
