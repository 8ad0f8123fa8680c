"""Runs that post to streams through the API of `stream_api`, and what they should have brought there."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from emulator.api_client import RetryPolicy
from emulator.stream_posting import post_stream
from tests.unit.emulator.stream_api import STREAMS, StreamApi

# Quick to send again, and in no hurry where the machine is busy.
QUICK = RetryPolicy(first_wait_s=0.01, longest_wait_s=0.05, deadline_s=30, connect_timeout_s=10, read_timeout_s=30)
KEY = "sesame-key"
FAST = 2_000


def post(source: sa.Engine, api: StreamApi, **changed: Any) -> dict[str, Any]:
    """Post 40 posts, or as ``changed`` says; return the receipt."""
    arguments = {"rate": FAST, "posts": 40, "seed": 1, "retry": QUICK, "in_flight": 4, **changed}
    return post_stream(
        source, **{"invoke_url": api.url, "stage": "prod", "api_key": KEY, "streams": STREAMS, **arguments}
    )


def keys_of(numbers: Iterable[int]) -> Counter[str]:
    """Every partition key of these posts, once."""
    return Counter(f"{name}-{number}" for number in numbers for name in STREAMS)


def counts(accepted: int, failed: int = 0, unanswered: int = 0) -> dict[str, dict[str, int]]:
    """A receipt's ``records`` where all streams have the same."""
    each = {"accepted": accepted, "failed": failed, "unanswered": unanswered}
    return dict.fromkeys(STREAMS.values(), each)
