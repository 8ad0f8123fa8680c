from __future__ import annotations

from local.gateway.usage_plans import TokenBucket, UsagePlans


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def plan(rate: float = 1, burst: int = 2, *stages: str) -> dict[str, object]:
    return {
        "id": "p1",
        "throttle": {"rateLimit": rate, "burstLimit": burst},
        "apiStages": [{"apiId": "api", "stage": stage} for stage in stages or ("prod",)],
    }


KEY = {"id": "k1", "value": "secret"}


def test_a_bucket_lets_the_burst_through_and_then_the_rate() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=2, burst=3, clock=clock)

    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.now += 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]


def test_a_bucket_never_holds_more_than_the_burst() -> None:
    clock = Clock()
    bucket = TokenBucket(rate=100, burst=2, clock=clock)
    clock.now += 3600

    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_a_key_is_known_on_the_stages_of_its_plan_only() -> None:
    plans = UsagePlans()
    plans.update([(plan(1, 2, "prod", "test"), [KEY])])

    assert plans.find("api", "prod", b"secret")
    assert plans.find("api", "test", b"secret")
    assert not plans.find("api", "dev", b"secret")
    assert not plans.find("other", "prod", b"secret")
    assert not plans.find("api", "prod", b"")


def test_reading_the_same_plan_again_does_not_fill_the_bucket() -> None:
    plans = UsagePlans()
    plans.update([(plan(0.001, 1), [KEY])])
    key = plans.find("api", "prod", b"secret")
    assert key and key.bucket and key.bucket.take()

    plans.update([(plan(0.001, 1), [KEY])])

    again = plans.find("api", "prod", b"secret")
    assert again and again.bucket and not again.bucket.take()


def test_a_plan_without_throttle_has_no_limit() -> None:
    plans = UsagePlans()
    plans.update([({**plan(), "throttle": {}}, [KEY])])

    key = plans.find("api", "prod", b"secret")
    assert key and key.bucket is None


def test_a_key_that_is_gone_is_forgotten() -> None:
    plans = UsagePlans()
    plans.update([(plan(), [KEY])])
    plans.update([(plan(), [])])

    assert plans.find("api", "prod", b"secret") is None
