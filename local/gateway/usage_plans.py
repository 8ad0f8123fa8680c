"""API keys and the rate and burst that their usage plans allow.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html (token bucket).
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


class TokenBucket:
    """Lets through ``burst`` requests at once and ``rate`` a second in the long run.

    :param rate: tokens added per second.
    :param burst: most tokens held.
    :param clock: seconds that only grow.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()

    def take(self) -> bool:
        """Take a token; False when there is none."""
        now = self._clock()
        self._tokens = min(self.burst, self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True)
class ApiKey:
    """A key that a stage takes, and its bucket (None: the plan has no limit)."""

    value: bytes
    bucket: TokenBucket | None


class UsagePlans:
    """The keys of every stage; buckets live on over :meth:`update` as long as their plan's limits stay."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], TokenBucket] = {}
        self._keys: dict[tuple[str, str], list[ApiKey]] = {}

    def update(self, plans: Iterable[tuple[dict[str, Any], Iterable[dict[str, Any]]]]) -> None:
        """Take over what the control plane says.

        :param plans: each usage plan with its enabled API keys.
        """
        buckets: dict[tuple[str, str], TokenBucket] = {}
        keys: dict[tuple[str, str], list[ApiKey]] = {}
        for plan, members in plans:
            throttle = plan.get("throttle") or {}
            for member in members:
                bucket = self._bucket((plan["id"], member["id"]), throttle)
                if bucket:
                    buckets[plan["id"], member["id"]] = bucket
                for stage in plan.get("apiStages") or []:
                    key = ApiKey(member["value"].encode(), bucket)
                    keys.setdefault((stage["apiId"], stage["stage"]), []).append(key)
        self._buckets, self._keys = buckets, keys

    def _bucket(self, owner: tuple[str, str], throttle: dict[str, Any]) -> TokenBucket | None:
        if "rateLimit" not in throttle:
            return None
        rate = float(throttle["rateLimit"])
        burst = float(throttle.get("burstLimit", rate))
        known = self._buckets.get(owner)
        return known if known and (known.rate, known.burst) == (rate, burst) else TokenBucket(rate, burst)

    def find(self, api_id: str, stage: str, given: bytes) -> ApiKey | None:
        """Return the key with the value ``given`` that the stage takes; looks at all, whichever fits."""
        found = None
        for key in self._keys.get((api_id, stage), ()):
            if hmac.compare_digest(key.value, given):
                found = key
        return found
