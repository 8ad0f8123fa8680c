"""Which commit a checkout is at, and what of it is not committed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from pinpipe_cli.deploy.errors import DeploymentError

_TIMEOUT_S = 60
_SHOWN = 5


@dataclass(frozen=True)
class GitState:
    """A checkout's commit.

    :param commit: its hash, ``unknown`` outside of git.
    :param changes: what ``git status --porcelain`` says, a line each.
    """

    commit: str
    changes: tuple[str, ...] = ()

    @property
    def dirty(self) -> bool:
        """Whether the checkout is something else than its commit."""
        return bool(self.changes)


def git_state(checkout: Path, allow_dirty: bool) -> GitState:
    """Return the state of a checkout.

    :param allow_dirty: take one that is something else than its commit, too.
    :raises DeploymentError: when it is dirty and may not be, or nobody can say.
    """
    try:
        commit = _git(checkout, "rev-parse", "HEAD").strip()
        changes = tuple(_git(checkout, "status", "--porcelain").splitlines())
    except (OSError, subprocess.SubprocessError) as error:
        if allow_dirty:
            return GitState("unknown", ("not a git checkout",))
        raise DeploymentError(
            f"{checkout} is no git checkout, so nobody could say what was deployed; --allow-dirty deploys it"
        ) from error
    if changes and not allow_dirty:
        more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        named = ", ".join(line.strip() for line in changes[:_SHOWN])
        raise DeploymentError(
            f"the checkout has changes that are not committed ({named}{more}), so its commit would not say what was "
            "deployed: commit them, or give --allow-dirty"
        )
    return GitState(commit, changes)


def _git(checkout: Path, *arguments: str) -> str:
    asked = subprocess.run(
        ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
    )
    return asked.stdout
