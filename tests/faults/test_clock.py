"""A clock that is an hour ahead: the REST proxy's, which stamps the records; that of S3 and Kinesis; the sink's."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

from local import health, ports, secret_store
from local import world as local_world
from local.process_environment import airflow_environment, base_environment
from local.supervision import Supervisor
from tests.e2e.cleaned_days import assert_cleaned
from tests.e2e.kafka_log import end_offsets, messages_since
from tests.e2e.posts import rows_of
from tests.faults.activities.activity import next_numbers
from tests.faults.background import meanwhile
from tests.faults.moments import BUCKET, await_moment
from tests.faults.shifted_clock import running_ahead
from tests.faults.soaking import Soak
from tests.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.fault, pytest.mark.usefixtures("provisioned")]

TOPIC = "pinpipe.geo"
RECORDS = 40
HOUR_S = 3_600
# Any answer that says what the time is.
TOLD_AT = {"ministack": f"/{BUCKET}", "connect": "/"}


def _post_to_proxy_ahead(world: World, minutes: int, port: int, numbers: list[int]) -> httpx.Response:
    """Post records to a REST proxy of its own, whose clock is ahead of the broker's."""
    command = [sys.executable, "-m", "tests.faults.proxy_at", str(port)]
    body = {"records": [{"key": str(number), "value": rows_of(number)["geo"]} for number in numbers]}
    with (
        running_ahead(minutes, command, base_environment(world.secrets)),
        httpx.Client(trust_env=False, timeout=40) as client,
    ):
        url = f"http://{ports.HOST}:{port}"
        await_moment(lambda: _serves(client, url), lambda: False, within_s=60)
        return client.post(
            f"{url}/topics/{TOPIC}",
            content=json.dumps(body),
            headers={"content-type": "application/vnd.kafka.json.v2+json"},
        )


def test_records_of_a_clock_less_than_an_hour_ahead_are_taken_and_cleaned_with_the_day_that_they_say(
    world: World,
) -> None:
    before, now = end_offsets(world.bootstrap), time.time()
    numbers = next_numbers(RECORDS)
    answer = _post_to_proxy_ahead(world, 58, ports.port("kafka_rest") + 400, numbers)
    assert {outcome["error_code"] for outcome in answer.json()["offsets"]} == {None}
    stored = messages_since(world.bootstrap, before)
    assert len(stored) == RECORDS
    stamped = [message.timestamp()[1] / 1000 for message in stored]
    assert min(stamped) > now + HOUR_S * 0.9, "the proxy's clock stamps them"
    days = sorted({datetime.fromtimestamp(moment, UTC).date() for moment in stamped})
    past = [day for day in days if day <= datetime.now(UTC).date()]  # tomorrow's is refused until tomorrow
    for day in past:
        world.run("clean_batch", {"day": str(day)})
    assert_cleaned(world, past)


def test_records_of_a_clock_more_than_an_hour_ahead_are_refused_with_the_reason_and_none_is_stored(
    world: World,
) -> None:
    before = end_offsets(world.bootstrap)
    answer = _post_to_proxy_ahead(world, 65, ports.port("kafka_rest") + 401, next_numbers(RECORDS))
    outcomes = answer.json()["offsets"]
    assert {outcome["error_code"] for outcome in outcomes} == {1}, "not worth another try"
    assert all("imestamp" in outcome["error"] for outcome in outcomes), outcomes[0]
    assert end_offsets(world.bootstrap) == before


@pytest.mark.usefixtures("source", "stream")
@pytest.mark.parametrize("service", TOLD_AT)
def test_an_hour_s_lead_of_storage_or_sink_and_its_end_lose_and_double_nothing(world: World, service: str) -> None:
    soak = Soak(world)

    def a_minute() -> None:
        time.sleep(15)
        with _an_hour_ahead(service):
            time.sleep(60)
        assert abs(_clock_of(service) - time.time()) < 60

    with meanwhile(a_minute):
        soak.run([], minutes=2.5)
    soak.judge()


@contextmanager
def _an_hour_ahead(service: str) -> Iterator[None]:
    """Run a service of the world with another clock while the block runs."""
    (program,) = [program for program in local_world._programs() if program.name == service]
    secrets = secret_store.load()
    supervisor = Supervisor(secrets["supervisor_password"])
    environment = {**base_environment(secrets), **airflow_environment(secrets), **program.environment}

    def serves() -> bool:
        return health.check([service], secrets)[service].healthy

    try:
        supervisor.stop_programs([service])
        with running_ahead(60, program.command, environment):
            await_moment(serves, lambda: False, within_s=60)
            assert _clock_of(service) > time.time() + HOUR_S * 0.9
            yield
    finally:
        supervisor.start_programs([service])
        await_moment(serves, lambda: False, within_s=60)


def _clock_of(service: str) -> float:
    answer = httpx.get(ports.url(service) + TOLD_AT[service], trust_env=False, timeout=10)
    return parsedate_to_datetime(answer.headers["date"]).timestamp()


def _serves(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/health").is_success
    except httpx.HTTPError:
        return False
