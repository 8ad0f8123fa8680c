"""How the streaming job is, as its supervisor sees it: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

type Action = Literal["none", "created", "reset", "unpaused", "paused", "cancelled", "replaced", "backing_off"]
type Wish = Literal["running", "stopped"]

WITHOUT_EFFECT: tuple[Action, ...] = ("none", "backing_off")


@dataclass(frozen=True)
class DeployedJob:
    """The job as the workspace has it.

    :param version: default of its parameter ``version``.
    :param as_declared: whether every setting but the pause status is the declared one.
    """

    job_id: int
    paused: bool
    version: str | None
    as_declared: bool


@dataclass(frozen=True)
class ActiveRun:
    """The job's active run.

    :param state: life cycle state of its task, which tells of the cluster too.
    :param requested_at: when it was asked for.
    :param running_since: from when on its process may run, ``None`` before.
    :param version: that of the definition it was begun with, ``None`` where that is not told.
    """

    run_id: int
    state: str
    requested_at: datetime
    running_since: datetime | None = None
    version: str | None = None


@dataclass(frozen=True)
class FailedRuns:
    """The runs of a job that failed one after the other, up to the last one that ended.

    :param count: how many there are; a long row is not counted to its beginning.
    :param last_run_id: the last of them, ``None`` where there is none.
    :param longest: how long the longest of them took.
    :param last_ended_at: when the last run of the job ended, failed or not; ``None`` where none has.
    """

    count: int = 0
    last_run_id: int | None = None
    longest: timedelta = timedelta(0)
    last_ended_at: datetime | None = None


@dataclass(frozen=True)
class Heartbeat:
    """The newest sign of life of the active run.

    :param started_at: when the run began to work.
    :param progressed_at: when a micro-batch that held rows was last completed, ``None`` where that is not known.
    """

    beat_at: datetime
    started_at: datetime
    progressed_at: datetime | None = None

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> Heartbeat:
        """Return a heartbeat from what the job writes.

        :raises KeyError, TypeError, ValueError: when a moment is missing, or is none.
        """
        progressed_at = written.get("progressed_at")
        return cls(
            beat_at=moment(written["beat_at"]),
            started_at=moment(written["started_at"]),
            progressed_at=moment(progressed_at) if progressed_at else None,
        )

    @property
    def idle_since(self) -> datetime:
        """Since when it has completed no micro-batch that held rows."""
        return max(self.progressed_at or self.started_at, self.started_at)


@dataclass(frozen=True)
class Effect:
    """What a supervisor did last that had an effect.

    :param cancels: how many runs that did not work had been cancelled in a row then.
    """

    action: Action
    at: datetime
    cancels: int = 0


@dataclass(frozen=True)
class Observed:
    """All that a decision depends on.

    :param at: the moment.
    :param wished_at: when the wish was expressed, ``None`` where it is the setting's.
    :param declared_version: version of the declared definition.
    :param wanted_version: what running streams are told to be, ``None`` where nothing yet.
    :param wanted_at: since when.
    :param waiting_since: when the oldest record arrived that has not been processed; ``None``: nothing waits, or it was
        not asked, as the run progresses.
    """

    at: datetime
    wish: Wish
    declared_version: str
    wished_at: datetime | None = None
    wanted_version: str | None = None
    wanted_at: datetime | None = None
    job: DeployedJob | None = None
    run: ActiveRun | None = None
    heartbeat: Heartbeat | None = None
    waiting_since: datetime | None = None
    failures: FailedRuns = field(default_factory=FailedRuns)
    last: Effect | None = None

    def summary(self) -> dict[str, Any]:
        """Return it as JSON takes it, without what is not known."""
        told: dict[str, Any] = _plain(asdict(self))
        return told


def moment(text: str) -> datetime:
    """Return an ISO 8601 moment; one without an offset is UTC, as a person may have written it.

    :raises TypeError, ValueError: when it is none.
    """
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.total_seconds() if isinstance(value, timedelta) else value
