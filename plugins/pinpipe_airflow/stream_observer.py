"""Looks at everything that a decision about the streaming job depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from pinpipe_airflow.stream_decision import RECOVERED_AFTER, Limits, may_be_stalled
from pinpipe_airflow.stream_state import Effect, FailedRuns, Heartbeat, Observed, Wish, moment

if TYPE_CHECKING:
    from pinpipe_airflow.hooks.databricks_job import DatabricksJobHook
    from pinpipe_airflow.hooks.kinesis_positions import KinesisPositionHook
    from pinpipe_airflow.hooks.stream_control import StreamControlHook


@dataclass(frozen=True)
class StreamObserver:
    """Where the streaming job is looked at.

    :param jobs: the workspace.
    :param control: wish, wanted version, heartbeat.
    :param positions: the streams.
    :param streams: names of the streams that the job reads.
    :param default_wish: the wish where nobody has expressed one.
    """

    jobs: DatabricksJobHook
    control: StreamControlHook
    positions: KinesisPositionHook
    streams: Sequence[str]
    default_wish: Wish

    def wish(self) -> tuple[Wish, datetime | None]:
        """Return the wish, and when it was expressed.

        :raises ValueError: when it is neither of the two, or says not when.
        """
        written = self.control.wish()
        if written is None:
            return self.default_wish, None
        try:
            wish, at = written["wish"], moment(written["at"])
        except (KeyError, TypeError, ValueError):
            wish, at = None, None
        if wish not in ("running", "stopped"):
            raise ValueError(f"the wish for the stream is {written!r}: run `pinpipe stream start` or `stop`")
        return cast("Wish", wish), at

    def waiting_since(self, heartbeat: Mapping[str, Any]) -> datetime | None:
        """Return when the oldest record arrived that the job has not processed, ``None`` when every one has been."""
        return self.positions.waiting_since(self.streams, self.control.positions(heartbeat))

    def observe(self, definition: Mapping[str, Any], limits: Limits, receipt: Mapping[str, Any]) -> Observed:
        """Return how the job is.

        :param definition: the declared one.
        :param limits: whether the streams are asked depends on them.
        :param receipt: the supervisors' receipt.
        """
        wish, wished_at = self.wish()
        wanted = self.control.wanted_version() or {}
        # Before the run: of a run that ends meanwhile the heartbeat would be another's, and it would seem to have none.
        written = self.control.heartbeat() or {}
        at = datetime.now(UTC)
        job = self.jobs.deployed_job(definition)
        run = self.jobs.active_run(job.job_id) if job else None
        failures = self.jobs.failed_runs(job.job_id, recovered_after=RECOVERED_AFTER) if job else FailedRuns()
        # That of the run before stays until the next one has written its own.
        beat = Heartbeat.read(written) if run and written.get("run_id") == str(run.run_id) else None
        if run and beat and run.version is None:
            run = replace(run, version=written.get("version"))
        waiting_since = None
        if may_be_stalled(at, beat, limits):
            waiting_since = self.waiting_since(written)
        return Observed(
            at=at,
            wish=wish,
            wished_at=wished_at,
            declared_version=declared_version(definition),
            wanted_version=wanted.get("version"),
            wanted_at=moment(wanted["at"]) if wanted.get("at") else None,
            job=job,
            run=run,
            heartbeat=beat,
            waiting_since=waiting_since,
            failures=failures,
            last=last_effect(receipt),
        )


def declared_version(definition: Mapping[str, Any]) -> str:
    """Return the version of a declared job: the default of its parameter ``version``.

    :raises ValueError: when it has none.
    """
    for parameter in definition.get("parameters", ()):
        if parameter["name"] == "version":
            return str(parameter["default"])
    raise ValueError(f"job {definition['name']!r} declares no parameter `version`: add it to its definition")


def last_effect(receipt: Mapping[str, Any]) -> Effect | None:
    """Return what the supervisors' receipt says of the last effect."""
    last = receipt.get("last_effect")
    return Effect(last["action"], moment(last["at"]), last["cancels_in_a_row"]) if last else None
