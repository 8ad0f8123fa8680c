"""The page's routes, each behind Airflow's own authentication and authorization.

Who may read the DAG ``clean_batch`` may see the page; its sample rows are data, so they need what the logs of its tasks
need. The routes only read: a day is cleaned again by the browser's own request to Airflow's REST API, which decides.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Depends, FastAPI, HTTPException, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import RequestResponseEndpoint

from pinpipe_airflow.page.address import URL_PREFIX
from pinpipe_airflow.page.pipeline import Pipeline, pipeline
from pinpipe_airflow.page.question import Seen
from pinpipe_airflow.page.rendering import policy, render_day, render_overview, render_parts, render_refusal
from pinpipe_airflow.page.runs import CLEAN_BATCH, DAGS
from pinpipe_airflow.page.stations import Looks
from pinpipe_airflow.page.view import Viewer, day_view, overview
from pinpipe_airflow.report.receipts import FIRST_DAY

_WHERE_IT_IS_SHOWN = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "",  # filled in below: it needs the templates
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    # Airflow shows the page in a frame of its own.
    "X-Frame-Options": "SAMEORIGIN",
}
_REFUSED = (401, 403)

log = logging.getLogger(__name__)

# As text: what takes a date takes a number too, as seconds of Unix time.
DayInPath = Annotated[str, Path(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


def create_page_app() -> FastAPI:
    """Return the application that Airflow's API server mounts below :data:`URL_PREFIX`."""
    # A dependency of the application is one of every route, also of those to come. Documents of the API have no route.
    app = FastAPI(
        title="pinpipe",
        dependencies=[Depends(requires_access_dag("GET", param_dag_id=CLEAN_BATCH))],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    headers = {**_WHERE_IT_IS_SHOWN, "Content-Security-Policy": policy()}

    @app.middleware("http")
    async def answer(request: Request, go_on: RequestResponseEndpoint) -> Response:
        """Give every answer the headers, also that to a fault of the page's own."""
        try:
            answered = await go_on(request)
        except Exception:
            log.exception("the page cannot answer %s", request.url.path)
            answered = JSONResponse({"detail": "The page cannot be made: see the log of Airflow's API server"}, 500)
        answered.headers.update(headers)
        return answered

    @app.exception_handler(StarletteHTTPException)
    def refuse(request: Request, error: StarletteHTTPException) -> Response:
        """Answer a browser with a page, and say how to sign in."""
        if error.status_code in _REFUSED and "text/html" in request.headers.get("accept", ""):
            told = render_refusal(error.status_code, **_about(request, error.status_code))
            return HTMLResponse(told, error.status_code)
        return JSONResponse({"detail": error.detail}, error.status_code)

    @app.exception_handler(RequestValidationError)
    def refuse_parameter(request: Request, error: RequestValidationError) -> Response:
        """Say what is to be written; the day is the only parameter."""
        return JSONResponse({"detail": "That is not a day: write YYYY-MM-DD"}, 422)

    @app.get("/", response_class=HTMLResponse)
    def page(request: Request, asked: Asked) -> Response:
        """Show the pipeline."""
        return HTMLResponse(render_overview(asked.overview(), **_about(request)))

    @app.get("/pipeline.json")
    def figures(request: Request, asked: Asked) -> Response:
        """Return the same as figures, and the page's parts anew."""
        shown = asked.overview()
        parts = render_parts(shown, **_about(request))
        answer = {**shown.as_json, "parts": {name: str(part) for name, part in parts.items()}}
        # In ASCII, unlike JSONResponse: a text from outside may hold what UTF-8 has no bytes for.
        return Response(json.dumps(answer, allow_nan=False), media_type="application/json")

    @app.get("/days/{day}", response_class=HTMLResponse)
    def of_day(request: Request, day: DayInPath, asked: Asked) -> Response:
        """Show one day."""
        return HTMLResponse(render_day(asked.day(day), **_about(request)))

    return app


class Asking:
    """A request of somebody who may see the page."""

    def __init__(self, user: BaseUser, source: Pipeline) -> None:
        self._user = user
        self._pipeline = source
        self._now = datetime.now(UTC)

    def overview(self) -> Any:
        """Return the page's content."""
        wanted = self._pipeline.wanted
        return overview(
            self._looks(),
            self._viewer(),
            now=self._now,
            settle=self._pipeline.settle,
            stalled_after=timedelta(seconds=wanted.stream_stalled_after_s),
            sink_rotates=self._pipeline.sink_rotates,
        )

    def day(self, text: str) -> Any:
        """Return the content of a day's page.

        :param text: the day, ``YYYY-MM-DD``.
        :raises HTTPException: when no such day can have been cleaned.
        """
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise HTTPException(404, f"{text} is not a day of the calendar") from None
        if not FIRST_DAY <= day <= self._now.date():
            raise HTTPException(404, f"{day} cannot have been cleaned: days are from {FIRST_DAY} to today (UTC)")
        looks = self._looks()
        found = self._pipeline.of_day(day)
        if not self._readable([CLEAN_BATCH]):
            found = replace(found, run=Seen(error=f"you may not see the runs of the DAG {CLEAN_BATCH}"))
        return day_view(day, found, looks, self._viewer(), now=self._now, settle=self._pipeline.settle)

    def _looks(self) -> Looks:
        looks = self._pipeline.looks()
        runs = looks.runs
        if runs.value is None:
            return looks
        return replace(looks, runs=replace(runs, value=runs.value.of(self._readable(DAGS))))

    def _viewer(self) -> Viewer:
        return Viewer(
            samples=self._may("GET", CLEAN_BATCH, DagAccessEntity.TASK_LOGS),
            clean=self._may("POST", CLEAN_BATCH, DagAccessEntity.RUN),
        )

    def _readable(self, dag_ids: Sequence[str]) -> set[str]:
        return {dag_id for dag_id in dag_ids if self._may("GET", dag_id, DagAccessEntity.RUN)}

    def _may(self, method: Any, dag_id: str, entity: DagAccessEntity) -> bool:
        details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
        manager = get_auth_manager()
        return manager.is_authorized_dag(method=method, access_entity=entity, details=details, user=self._user)


def asking(user: GetUserDep) -> Asking:
    """Return the request of whoever is signed in."""
    return Asking(user, pipeline())


Asked = Annotated[Asking, Depends(asking)]


def _about(request: Request, status: int | None = None) -> dict[str, Any]:
    """Return what every template may use."""
    # From the page back to Airflow's root, wherever a proxy has put that.
    below = request.url.path.rpartition(URL_PREFIX)[2]
    wanted = pipeline().wanted if status is None else None
    return {
        "root": "../" * below.count("/"),
        "pipeline_id": wanted.pipeline_id if wanted else "",
        "env": wanted.env if wanted else "",
        "here": str(request.url),
    }
