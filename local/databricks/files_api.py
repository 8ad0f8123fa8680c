"""Routes of the Files API, ``api/2.0/fs/files`` and ``api/2.0/fs/directories``, for files in volumes."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from local.databricks.errors import invalid_parameter
from local.databricks.volumes import Volumes


class FilesApi:
    """Answers requests about files and directories in volumes."""

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def routes(self) -> list[Route]:
        """Return the routes."""
        files, directories = "/api/2.0/fs/files{path:path}", "/api/2.0/fs/directories{path:path}"
        return [
            Route(files, self.upload, methods=["PUT"]),
            Route(files, self.download, methods=["GET", "HEAD"]),
            Route(files, self.delete, methods=["DELETE"]),
            Route(directories, self.make_directory, methods=["PUT"]),
            Route(directories, self.list_directory, methods=["GET", "HEAD"]),
            Route(directories, self.delete_directory, methods=["DELETE"]),
        ]

    async def upload(self, request: Request) -> Response:
        """Store a file; with ``?overwrite=true`` it may replace another."""
        overwrite = request.query_params.get("overwrite", "false")
        if overwrite not in ("true", "false"):
            raise invalid_parameter(f"overwrite={overwrite!r} is neither true nor false")
        await self._volumes.write(_path(request), request.stream(), overwrite=overwrite == "true")
        return Response(status_code=204)

    async def download(self, request: Request) -> Response:
        """Return a file's bytes, or of a HEAD request its size and time only."""
        return FileResponse(self._volumes.file(_path(request)), media_type="application/octet-stream")

    async def delete(self, request: Request) -> Response:
        """Remove a file."""
        self._volumes.delete(_path(request))
        return Response(status_code=204)

    async def make_directory(self, request: Request) -> Response:
        """Make a directory."""
        self._volumes.make_directory(_path(request))
        return Response(status_code=204)

    async def list_directory(self, request: Request) -> Response:
        """Return what a directory holds, or of a HEAD request whether it is there."""
        volume_path = _path(request)
        place = self._volumes.directory(volume_path)
        if request.method == "HEAD":
            return Response(headers={"last-modified": formatdate(place.stat().st_mtime, usegmt=True)})
        contents: list[dict[str, Any]] = []
        for entry in sorted(place.iterdir()):
            status = entry.stat()
            shown = {
                "path": f"{volume_path.rstrip('/')}/{entry.name}",
                "name": entry.name,
                "is_directory": entry.is_dir(),
                "last_modified": int(status.st_mtime * 1000),
            }
            contents.append(shown if entry.is_dir() else {**shown, "file_size": status.st_size})
        return JSONResponse({"contents": contents})

    async def delete_directory(self, request: Request) -> Response:
        """Remove an empty directory."""
        self._volumes.delete_directory(_path(request))
        return Response(status_code=204)


def _path(request: Request) -> str:
    return str(request.path_params["path"])
