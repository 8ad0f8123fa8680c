"""Settings of the deployment: which MWAA environment the DAGs go to, and where its bucket has its files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

# A relative path of S3: no slash at its ends, no empty part.
_KEY = r"^[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*$"


class DeploymentSettings(BaseSettings):
    """Where `pinpipe deploy`, and `pinpipe run` and `backfill` of an environment, find Airflow."""

    mwaa_environment: str = Field(
        "",
        pattern=r"^([a-zA-Z][0-9a-zA-Z_-]{0,79})?$",
        description="Name of the MWAA environment that `pinpipe deploy --env`, `run --env` and `backfill --env` talk "
        "to. Empty: there is none, as on a laptop.",
    )
    mwaa_bucket: str = Field(
        "",
        pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
        description="Bucket that the MWAA environment reads, versioned; another than the environment's is refused. "
        "Empty: the environment's, whichever it is.",
    )
    mwaa_dags_path: str = Field(
        "dags",
        pattern=_KEY,
        description="Folder of the DAG files in that bucket; another than the environment's is refused. A deployment "
        "removes from it what is none of its files.",
    )
    mwaa_plugins_path: str = Field("plugins.zip", pattern=_KEY, description="Key of the plugins in that bucket.")
    mwaa_requirements_path: str = Field(
        "requirements.txt", pattern=_KEY, description="Key of the Python requirements in that bucket."
    )
    mwaa_startup_script_path: str = Field(
        "startup.sh", pattern=_KEY, description="Key of the environment's startup script in that bucket."
    )
    mwaa_worker_replacement: Literal["FORCED", "GRACEFUL"] = Field(
        "GRACEFUL",
        description="What an update of the environment does to tasks that run: `GRACEFUL` lets them end, for up to 12 "
        "hours; `FORCED` stops them, and Airflow retries them.",
    )
