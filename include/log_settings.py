"""Days that CloudWatch Logs can keep logs for."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def _known(days: int) -> int:
    if days not in LOG_DAYS:
        raise ValueError(f"it should be one of {', '.join(map(str, LOG_DAYS))}")
    return days


LogDays = Annotated[int, AfterValidator(_known)]
