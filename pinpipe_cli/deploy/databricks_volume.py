"""The Databricks volume that the Spark jobs' wheel lies in, by the Files API.

https://docs.databricks.com/api/workspace/files
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

import requests

from pinpipe_cli.databricks_workspace import Workspace
from pinpipe_cli.deploy.errors import DeploymentError, VolumeMissingError

_TIMEOUT_S = 60


@dataclass(frozen=True)
class DatabricksVolume:
    """The volumes of a workspace."""

    workspace: Workspace

    def holds(self, path: str) -> bool:
        """Return whether a file is there.

        :param path: ``/Volumes/<catalog>/<schema>/<volume>/…``.
        :raises DeploymentError: when Databricks refuses or does not answer.
        """
        return self._send("HEAD", "files", path, missing_is_fine=True).ok

    def put(self, path: str, content: bytes) -> None:
        """Store a file, and make the folders that it lies in.

        :raises VolumeMissingError: when the volume is not there.
        :raises DeploymentError: when Databricks refuses or does not answer.
        """
        folder = str(PurePosixPath(path).parent)
        # Folders in it are made with this one, so it is the volume that is missing.
        if not (answer := self._send("PUT", "directories", folder, missing_is_fine=True)).ok:
            raise VolumeMissingError(f"Databricks at {self.workspace.url} has no place for {path}: {_reason(answer)}")
        self._send("PUT", "files", path, content, overwrite="true")

    def _send(
        self,
        method: str,
        kind: str,
        path: str,
        content: bytes | None = None,
        missing_is_fine: bool = False,
        **query: str,
    ) -> requests.Response:
        try:
            answer = requests.request(
                method,
                f"{self.workspace.url}/api/2.0/fs/{kind}{quote(path)}",
                params=query,
                data=content,
                headers={"Authorization": f"Bearer {self.workspace.token}"},
                timeout=_TIMEOUT_S,
            )
        except requests.RequestException as error:
            raise DeploymentError(f"Databricks at {self.workspace.url} does not answer ({error})") from error
        if answer.ok or (missing_is_fine and answer.status_code == 404):
            return answer
        raise DeploymentError(
            f"Databricks at {self.workspace.url} answers {answer.status_code} to {method} {path}: {_reason(answer)}; "
            "the identity needs READ VOLUME and WRITE VOLUME on that volume, and USE on its catalog and schema"
        )


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("message", answer.text))
    except (ValueError, AttributeError):
        return answer.text[:500]
