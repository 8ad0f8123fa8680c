"""The pipeline's settings: from ``PINPIPE_*`` variables, then ``environments/<PINPIPE_ENV>.yaml``.

Secrets are not settings: they live in Airflow connections or Secrets Manager.
"""

from __future__ import annotations

import os
from functools import cache
from string import Formatter
from typing import Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from include import aws_rules, layout
from include.alerts import alert_targets
from include.api_stage_settings import ApiStageSettings
from include.connect_settings import ConnectSettings
from include.databricks_settings import DatabricksSettings
from include.day_settings import DaySettings
from include.deployment_settings import DeploymentSettings
from include.environment import (
    PREFIX,
    SettingsError,
    environment,
    environment_file,
    environments,
    path_of,
    variable_of,
)
from include.identity_settings import IdentitySettings
from include.rest_proxy_settings import RestProxySettings
from include.retention_settings import RetentionSettings
from include.schema import DATASETS, openapi_schemas
from include.storage_settings import StorageSettings
from include.stream_settings import StreamSettings

__all__ = ["PREFIX", "Settings", "SettingsError", "environment", "environment_file", "environments", "settings"]

# Those that Airflow turns into cron expressions; its others are no schedule for a DAG with several runs at once.
_PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
_ADDRESS_PARTS = {"api_id", "region"}
_LONG = 2**63 - 1
_INT = 2**31 - 1


class Settings(
    DeploymentSettings,
    RetentionSettings,
    StreamSettings,
    DaySettings,
    IdentitySettings,
    StorageSettings,
    DatabricksSettings,
    RestProxySettings,
    ApiStageSettings,
    ConnectSettings,
):
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
        1,
        ge=-1,
        le=100,
        description="Replicas of each partition; at most as many as brokers. -1: as the brokers have it by default, "
        "which is 3 on MSK Serverless.",
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
        400.0,
        gt=0,
        allow_inf_nan=False,
        description="Usage plan: steady requests per second that the API key may make; `emulate_stream` makes three "
        "for each post.",
    )
    api_burst_limit: int = Field(
        800, ge=1, le=_INT, description="Usage plan: requests that the API key may make at once."
    )

    api_kinesis_role: str = Field(
        "arn:aws:iam::000000000000:role/pinpipe-api-kinesis",
        pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$",
        description="Role that the REST API calls Kinesis with. It should be allowed no streams but the pipeline's: "
        "`include/api/openapi.yaml` lists the actions. A laptop takes any.",
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

    alerts: str = Field(
        "log",
        description="Where alerts go, one or several with commas between: `log`, `sns:<ARN of a standard topic>`, "
        "`webhook:<id of an Airflow connection of type http>`.",
    )
    runbook_url: str = Field(
        "docs/runbook.md",
        pattern=r"^\S+$",
        description="Where the runbook is, for the links in alerts: such as its address in your repository's pages.",
    )

    service_credential: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_.-]*$",
        description="Unity Catalog service credential by which the jobs themselves reach Kinesis and S3 on Databricks: "
        "`kinesis:DescribeStreamSummary`, `ListShards`, `GetShardIterator` and `GetRecords` on the streams; "
        "`s3:GetObject`, `PutObject` and `ListBucket` on the bucket. Empty: `<id>-service` where `databricks_catalog` "
        "is set, else what AWS's default chain finds.",
    )
    spark_wheel: str = Field(
        "/Volumes/pinpipe/artifacts/spark/pinpipe_spark-0.1.0-py3-none-any.whl",
        pattern=r"\.whl$",
        description="Path of the jobs' wheel in a Databricks volume. Give each release a path of its own, such as one "
        "with a hash of the wheel's content: a running stream is replaced when its definition changes, which holds the "
        "path and not what is there.",
    )
    emulate_batch_schedule: str | None = Field(
        None,
        pattern=r"^(@[a-z]+|\S+( +\S+){4})$",
        description="When `emulate_batch` runs by itself: a cron expression of five fields (UTC), or one of "
        f"{', '.join(f'`{preset}`' for preset in _PRESETS)}. Not set, it runs on demand only.",
    )
    emulate_in_flight: int = Field(4, ge=1, le=64, description="Requests that `emulate_batch` keeps in flight.")
    emulate_stream_in_flight: int = Field(
        16, ge=1, le=64, description="Requests that `emulate_stream` keeps in flight at most."
    )

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

    @field_validator("topic_replication")
    @classmethod
    def _a_topic_has_replicas(cls, value: int) -> int:
        if value == 0:
            raise ValueError("a partition without replicas keeps nothing")
        return value

    @field_validator("api_url_format")
    @classmethod
    def _only_known_parts_are_filled_in(cls, value: str) -> str:
        for _, part, form, conversion in Formatter().parse(value):
            if part is not None and (part not in _ADDRESS_PARTS or form or conversion):
                raise ValueError("it may have no other {…} than {api_id} and {region}")
        return value

    @field_validator("alerts")
    @classmethod
    def _alerts_have_targets(cls, value: str) -> str:
        alert_targets(value)
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

    @model_validator(mode="wrap")
    @classmethod
    def _all_faults_are_told_at_once(cls, given: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        refusal = None
        try:
            made = validate(given)
        except ValidationError as error:
            refusal = error
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        if faults := aws_rules.all_faults(given, defaults, refusal):
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return made

    @property
    def lake_root(self) -> str:
        """Root of the Delta tables."""
        return self.lake or f"s3://{self.bucket}/delta"

    @property
    def topics(self) -> dict[str, str]:
        """Topic of each data set."""
        return {name: layout.topic(self.pipeline_id, name) for name in DATASETS}

    @property
    def streams(self) -> dict[str, str]:
        """Kinesis stream of each data set."""
        return {name: layout.stream(self.pipeline_id, name) for name in DATASETS}

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

    @property
    def sink_status_conn_id(self) -> str | None:
        """Connection to ask how connectors are; ``None`` for MSK Connect, which is RUNNING though a task has died."""
        return self.connect_conn_id if self.connect_backend == "rest" else None

    def job_name(self, job: Literal["create_tables", "clean_batch", "clean_stream", "run_questions"]) -> str:
        """Name of a Databricks job."""
        return f"{self.pipeline_id}-{job}"

    @property
    def marks(self) -> dict[str, object]:
        """What ``<<name>>`` marks in declared documents may ask for: every field, derived name and contract."""
        return {
            **openapi_schemas(),
            **self.model_dump(),
            "lake": self.lake_root,
            "api_connection": self.api_connection,
            "service_credential": self.job_credential,
            "streams": ",".join(self.streams.values()),
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
    field, file = str(fault["loc"][0]), path_of(environment())
    if fault["type"] == "extra_forbidden":
        return f"{file}: there is no setting {field!r}; docs/configuration.md lists them"
    variable = next(
        (name for name, set_to in os.environ.items() if set_to and name.upper() == variable_of(field)), None
    )
    place, way_out = (f"{variable}=", "or unset it") if variable else (f"{file}: {field}: ", "or remove the line")
    reason = str(fault["msg"]).removeprefix("Value error, ").replace("Input", "it").replace("String", "it")
    about = Settings.model_fields[field].description
    if fault["type"] == aws_rules.FAULT:
        return f"{place}{fault['input']!r}: {reason} ({about}) Set it in {file}, or as {variable_of(field)}"
    return f"{place}{fault['input']!r}: {reason} ({about}) Give such a value, {way_out} for the default"
