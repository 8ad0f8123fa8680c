"""The pipeline's settings: from ``PINPIPE_*`` variables, then ``environments/<PINPIPE_ENV>.yaml``.

Secrets are not settings: they live in Airflow connections or Secrets Manager.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from string import Formatter
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from include import layout
from include.schema import DATASETS

PREFIX = "PINPIPE_"

# Those that Airflow turns into cron expressions; its others are no schedule for a DAG with several runs at once.
_PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_ADDRESS_PARTS = {"api_id", "region"}
_LONG = 2**63 - 1
_INT = 2**31 - 1


class SettingsError(ValueError):
    """A setting has a value that it cannot have; the message names the variable, the value and the way out."""


class Settings(BaseSettings):
    """Everything that differs between environments, each field settable as ``PINPIPE_<FIELD>``.

    An empty variable counts as one that is not set.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    env: str = Field(
        "local", description="Name of the environment: the file `include/environments/<env>.yaml` is read."
    )
    pipeline_id: str = Field(
        "pinpipe",
        pattern=r"^[A-Za-z0-9_-]{1,100}$",
        description="The `<id>` in the names of topics, streams, API, connectors and jobs.",
    )
    region: str = Field(
        "us-east-1", pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", description="AWS region of everything, such as `us-east-1`."
    )
    bucket: str = Field(
        "pinpipe-local",
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="S3 bucket of raw objects, receipts, reports and, where `lake` is empty, Delta tables.",
    )
    lake: str = Field(
        "",
        pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.=-]+)*/?)?$",
        description="Root of the Delta tables, such as `s3://<bucket>/delta`; empty: `delta` in the bucket.",
    )

    topic_partitions: int = Field(
        3, ge=1, le=10_000, description="Partitions of each topic; more can be added later, none taken away."
    )
    topic_replication: int = Field(
        1, ge=1, le=100, description="Replicas of each partition; at most as many as brokers."
    )
    topic_retention_ms: int = Field(
        -1, ge=-1, le=_LONG, description="How long topics keep records, in milliseconds; -1 keeps everything."
    )

    kafka_rest_url: str = Field(
        "http://127.0.0.1:15082",
        pattern=r"^https?://[^/\s]\S*$",
        description="Where the REST API forwards records to: URL of the Kafka REST proxy.",
    )
    api_stage: str = Field("prod", pattern=r"^[A-Za-z0-9_-]{1,128}$", description="Stage of the REST API.")
    api_url_format: str = Field(
        "http://127.0.0.1:15000/{api_id}",
        pattern=r"^https?://[^/\s]\S*$",
        description="Invoke URL of the REST API without the stage; `{api_id}` and `{region}` are filled in.",
    )
    api_rate_limit: float = Field(
        200.0,
        gt=0,
        allow_inf_nan=False,
        description="Usage plan: steady requests per second that the API key may make.",
    )
    api_burst_limit: int = Field(
        400, ge=1, le=_INT, description="Usage plan: requests that the API key may make at once."
    )

    sink_flush_size: int = Field(10_000, ge=1, le=_INT, description="Most records in one raw object.")
    sink_rotate_ms: int = Field(
        5_000,
        ge=1_000,
        le=3_600_000,
        description="An open raw object is stored after so many milliseconds at the latest.",
    )
    # A run of clean_batch may take 6 hours: what it waits for before it begins to clean must leave it time.
    sink_timeout_s: int = Field(
        900,
        ge=10,
        le=3_600,
        description="How long a run of `clean_batch` waits for the sink, in seconds; then it fails.",
    )
    settle_minutes: int = Field(
        10,
        ge=0,
        le=180,
        description="Scheduled cleaning of a day begins so many minutes after the midnight (UTC) that ends it.",
    )
    late_window_days: int = Field(
        3, ge=0, le=30, description="How many days back late objects lead to a new run of their day; 0: never."
    )
    superseded_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of a day's rows, from 0 to 1, replaced by a different later row of the same key, above "
        "which the day gets a warning.",
    )

    spark_wheel: str = Field(
        "/Volumes/pinpipe/artifacts/spark/pinpipe_spark-0.1.0-py3-none-any.whl",
        pattern=r"\.whl$",
        description="Path of the jobs' wheel in a Databricks volume.",
    )
    emulate_batch_schedule: str | None = Field(
        None,
        pattern=r"^(@[a-z]+|\S+( +\S+){4})$",
        description="When `emulate_batch` runs by itself: a cron expression of five fields (UTC), or one of "
        f"{', '.join(f'`{preset}`' for preset in _PRESETS)}. Not set, it runs on demand only.",
    )
    emulate_in_flight: int = Field(4, ge=1, le=64, description="Requests that the emulator keeps in flight.")

    aws_conn_id: str = Field(
        "aws_default",
        description="Airflow connection to AWS, of type `aws`: the region in its extra; credentials only where the "
        "worker has no role.",
    )
    kafka_conn_id: str = Field(
        "kafka_default",
        description="Airflow connection to the brokers, of type `kafka`: its extra is librdkafka's configuration, at "
        "least `bootstrap.servers`.",
    )
    connect_conn_id: str = Field(
        "kafka_connect_default",
        description="Airflow connection to Kafka Connect's REST API, of type `http`: host, port, `schema` (`http` or "
        "`https`), login and password where it asks for them.",
    )
    databricks_conn_id: str = Field(
        "databricks_default",
        description="Airflow connection to Databricks, of type `databricks`: host without a scheme; the token as "
        "password, or a service principal as the provider describes it.",
    )
    api_conn_id: str = Field(
        "pinpipe_api",
        description="Airflow connection whose password is the REST API's key, 20 to 128 characters; nothing else of it "
        "is read.",
    )
    source_conn_id: str = Field(
        "pinpipe_source",
        description="Airflow connection to the source database: the type is SQLAlchemy's name of the database, the "
        "schema the database, the extra becomes the URL's query.",
    )

    @field_validator("api_url_format")
    @classmethod
    def _only_known_parts_are_filled_in(cls, value: str) -> str:
        for _, part, form, conversion in Formatter().parse(value):
            if part is not None and (part not in _ADDRESS_PARTS or form or conversion):
                raise ValueError("it may have no other {…} than {api_id} and {region}")
        return value

    @field_validator("emulate_batch_schedule")
    @classmethod
    def _schedule_has_a_next_run(cls, value: str | None) -> str | None:
        if value is None or value in _PRESETS:
            return value
        if value.startswith("@"):
            raise ValueError(f"the presets are {', '.join(_PRESETS)}")
        # Every DAG file reads the settings, and few have a schedule.
        from croniter import CroniterError, croniter

        try:
            croniter(value).get_next()
        except CroniterError as error:
            raise ValueError(f"it is no cron expression that has a next run: {error}") from error
        return value

    @property
    def lake_root(self) -> str:
        """Root of the Delta tables."""
        return self.lake or f"s3://{self.bucket}/delta"

    @property
    def topics(self) -> dict[str, str]:
        """Topic of each data set."""
        return {name: layout.topic(self.pipeline_id, name) for name in DATASETS}

    @property
    def dead_letter_topic(self) -> str:
        """Topic of what is not a JSON object."""
        return layout.dead_letter_topic(self.pipeline_id)

    @property
    def sink_connector(self) -> str:
        """Name of the connector that lands records as JSON objects."""
        return f"{self.pipeline_id}-s3-sink"

    @property
    def dead_letter_connector(self) -> str:
        """Name of the connector that lands dead letters as bytes."""
        return f"{self.pipeline_id}-dead-letter-sink"

    def job_name(self, job: Literal["create_tables", "clean_batch", "run_questions"]) -> str:
        """Name of a Databricks job."""
        return f"{self.pipeline_id}-{job}"

    @property
    def marks(self) -> dict[str, object]:
        """What ``<<name>>`` marks in declared documents may ask for: every field and derived name."""
        return {
            **self.model_dump(),
            "lake": self.lake_root,
            "dead_letter_topic": self.dead_letter_topic,
            "sink_connector": self.sink_connector,
            "dead_letter_connector": self.dead_letter_connector,
        }

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of the sources: the environment's name, arguments, variables, the environment's file."""
        name = environment()
        return (
            InitSettingsSource(settings_cls, {"env": name}),
            init_settings,
            env_settings,
            InitSettingsSource(settings_cls, environment_file(name)),
        )


def environments() -> tuple[str, ...]:
    """Return the names that ``PINPIPE_ENV`` may have."""
    files = resources.files("include").joinpath("environments").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def environment() -> str:
    """Return the name of this process's environment.

    :raises SettingsError: when there is no such environment.
    """
    # Settings' variables may be written in lower case, so this one may.
    name = {name.upper(): value for name, value in os.environ.items()}.get(_variable("env")) or "local"
    if name not in environments():
        raise SettingsError(
            f"PINPIPE_ENV={name!r}: there is no {_path_of(name)}; choose one of "
            f"{', '.join(environments())}, or write that file"
        )
    return name


def environment_file(name: str) -> dict[str, Any]:
    """Return what the file of an environment sets.

    :raises SettingsError: when it is not YAML of ``setting: value`` lines, or names an environment itself.
    """
    file = resources.files("include").joinpath("environments", f"{name}.yaml")
    path = _path_of(name)
    try:
        lines = yaml.safe_load(file.read_bytes()) or {}
    except (yaml.YAMLError, ValueError) as error:  # the latter of such as a day that no calendar has
        raise SettingsError(f"{path} is not YAML: {' '.join(str(error).split())}; mend it") from error
    if not isinstance(lines, dict) or not all(isinstance(setting, str) for setting in lines):
        raise SettingsError(f"{path} holds something else than lines of `setting: value`; write it so")
    if "env" in lines:
        raise SettingsError(f"{path}: env: {lines['env']!r}: the file's name is the environment's; remove the line")
    return lines


def _path_of(name: str) -> str:
    return f"include/environments/{name}.yaml"


def _variable(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


@cache
def settings() -> Settings:
    """Return the settings of this process's environment, read once.

    :raises SettingsError: names every variable or line that cannot be as it is, its value and the way out.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(_refusal(dict(fault)) for fault in error.errors())) from error


def _refusal(fault: dict[str, Any]) -> str:
    field, file = str(fault["loc"][0]), _path_of(environment())
    if fault["type"] == "extra_forbidden":
        return f"{file}: there is no setting {field!r}; docs/configuration.md lists them"
    variable = next((name for name, set_to in os.environ.items() if set_to and name.upper() == _variable(field)), None)
    place, way_out = (f"{variable}=", "or unset it") if variable else (f"{file}: {field}: ", "or remove the line")
    reason = str(fault["msg"]).removeprefix("Value error, ").replace("Input", "it").replace("String", "it")
    about = Settings.model_fields[field].description
    return f"{place}{fault['input']!r}: {reason} ({about}) Give such a value, {way_out} for the default"
