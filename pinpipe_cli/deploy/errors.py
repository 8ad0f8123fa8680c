"""What keeps a deployment from being made."""

from __future__ import annotations


class DeploymentError(RuntimeError):
    """A deployment cannot be made, or is not as it should be; the message says why, and the way out."""


class VolumeMissingError(DeploymentError):
    """The Databricks volume that the wheel belongs in is not there."""
