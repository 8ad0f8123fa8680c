"""Settings of the REST API's stage: what it logs, measures and lets through at most."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from include.log_settings import LogDays


class ApiStageSettings(BaseSettings):
    """What the stage does beside executing requests; a laptop needs none of it."""

    api_access_log: bool = Field(
        False,
        description="Whether API Gateway writes a line of JSON for each request to CloudWatch Logs "
        "(`/pinpipe/<pipeline_id>/api-access`): time, caller's address, method, path, status, durations; neither keys "
        "nor bodies.",
    )
    api_log_days: LogDays = Field(
        30, description="How long the access log is kept, in days, as CloudWatch Logs knows them."
    )
    api_log_role: str = Field(
        "",
        pattern=r"^(arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+)?$",
        description="ARN of the role by which API Gateway writes logs. It is the account's in the region: it is set "
        "only where the account has none. Empty: the account has one, or `provision` makes it.",
    )
    api_metrics: bool = Field(
        False, description="Whether CloudWatch gets metrics of each method; they cost extra. Those of the API are free."
    )
    api_stage_rate_limit: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Steady requests per second of each method of the stage, all keys together; 0: what the account "
        "allows, 10,000.",
    )
    api_stage_burst_limit: int = Field(
        0, ge=0, le=2**31 - 1, description="Requests at once, likewise; 0: what the account allows, 5,000."
    )
