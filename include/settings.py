"""The pipeline's settings: from ``PINPIPE_*`` variables, then ``environments/<PINPIPE_ENV>.yaml``.

Secrets are not settings: they live in Airflow connections or Secrets Manager.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from include import layout
from include.schema import DATASETS


class Settings(BaseSettings):
    """Everything that differs between environments, each field settable as ``PINPIPE_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="PINPIPE_", frozen=True)

    env: str = Field("local", description="Name of the environment: the file environments/<env>.yaml is read.")
    pipeline_id: str = Field(
        "pinpipe", pattern=r"^[A-Za-z0-9_-]+$", description="The <id> in topic, stream, API and job names."
    )
    region: str = Field("us-east-1", description="AWS region of everything.")
    bucket: str = Field(
        "pinpipe-local", description="S3 bucket of raw objects, receipts, reports and local Delta tables."
    )
    lake: str = Field("", description="Root of the Delta tables; empty: s3://<bucket>/delta.")

    topic_partitions: int = Field(3, ge=1, description="Partitions of each data topic; it can only grow.")
    topic_replication: int = Field(1, ge=1, description="Replicas of each partition.")
    topic_retention_ms: int = Field(-1, ge=-1, description="Retention of the topics in ms; -1 keeps everything.")

    kafka_rest_url: str = Field(
        "http://127.0.0.1:15082", description="Where the API forwards records to: Kafka REST proxy."
    )
    api_stage: str = Field("prod", description="Stage of the REST API.")
    api_url_format: str = Field(
        "http://127.0.0.1:15000/{api_id}",
        description="Invoke URL without the stage; {api_id} and {region} are filled in.",
    )
    api_rate_limit: float = Field(200.0, gt=0, description="Usage plan: steady requests per second for the key.")
    api_burst_limit: int = Field(400, ge=1, description="Usage plan: requests at once for the key.")

    sink_flush_size: int = Field(10_000, ge=1, description="Most records in one raw object.")
    sink_rotate_ms: int = Field(
        5_000, ge=1_000, description="An open raw object is stored after this many ms at the latest."
    )
    sink_timeout_s: int = Field(900, ge=10, description="How long a run waits for the sink, in seconds.")
    settle_minutes: int = Field(10, ge=0, description="Scheduled cleaning starts this long after midnight UTC.")
    late_window_days: int = Field(
        3, ge=0, le=30, description="Days back in which late objects lead to a new run of their day."
    )
    superseded_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of rows replaced by a different later one, above which a day gets a warning.",
    )

    spark_wheel: str = Field(
        "/Volumes/pinpipe/artifacts/spark/pinpipe_spark-0.1.0-py3-none-any.whl",
        description="The jobs' wheel in a Databricks volume.",
    )
    emulate_batch_schedule: str | None = Field(
        None, description="Cron expression of emulate_batch; none: only on demand."
    )
    emulate_in_flight: int = Field(4, ge=1, le=64, description="Requests that the emulator keeps in flight.")

    aws_conn_id: str = Field("aws_default", description="Airflow connection to AWS.")
    kafka_conn_id: str = Field("kafka_default", description="Airflow connection to the brokers.")
    connect_conn_id: str = Field("kafka_connect_default", description="Airflow connection to Kafka Connect's REST API.")
    databricks_conn_id: str = Field("databricks_default", description="Airflow connection to Databricks.")
    api_conn_id: str = Field("pinpipe_api", description="Airflow connection whose password is the REST API's key.")
    source_conn_id: str = Field("pinpipe_source", description="Airflow connection to the source database.")

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
        """Order of the sources: arguments, environment, the environment's file."""
        name = os.environ.get("PINPIPE_ENV", "local")
        file = resources.files("include").joinpath("environments", f"{name}.yaml")
        if not file.is_file():
            raise FileNotFoundError(f"PINPIPE_ENV={name!r}: there is no include/environments/{name}.yaml")
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=str(file))


@cache
def settings() -> Settings:
    """Return the settings of this process's environment, read once."""
    return Settings()
