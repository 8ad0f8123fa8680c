"""The states of connectors and custom plugins of MSK Connect."""

from __future__ import annotations

from pinpipe_airflow.progress import Progress

_PASSING = frozenset({"CREATING", "UPDATING", "DELETING"})


def is_passing(state: str) -> bool:
    """Return whether a state is one that a resource leaves by itself."""
    return state in _PASSING


def settled(found: tuple[str, str] | None) -> Progress:
    """Return whether a resource has left the states that pass, whatever it has become.

    :param found: its state and what MSK Connect says of it, ``None`` when it is gone.
    """
    if found is None:
        return Progress("GONE", done=True)
    state, why = found
    return Progress(f"{state}: {why}" if why else state, done=not is_passing(state))
