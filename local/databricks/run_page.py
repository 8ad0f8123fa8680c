"""The page of a run, for a browser: state, parameters, tasks and driver log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from local.databricks.driver_log import tail
from local.databricks.run_view import RunLinks, job_parameters, run_name
from local.databricks.store import Store
from local.databricks.task_process import TaskProcesses

_LONGEST_LOG = 256 * 1024  # bytes
_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)


class RunPage:
    """Answers a browser that follows a run's link."""

    def __init__(self, store: Store, processes: TaskProcesses, links: RunLinks) -> None:
        self._store = store
        self._processes = processes
        self._links = links

    def routes(self) -> list[Route]:
        """Return the routes; they need a signature instead of the token."""
        return [Route("/runs/{run_id:int}", self.show, methods=["GET"])]

    async def show(self, request: Request) -> HTMLResponse:
        """Show a run with all attempts of its tasks, or a single attempt by its own run id."""
        run_id = int(request.path_params["run_id"])
        if not self._links.opens(run_id, request.query_params.get("signature", "")):
            raise HTTPException(403, "This link does not open this run: take the run_page_url that Airflow shows")
        task_run = self._store.task_run(run_id)
        run = self._store.run(task_run.parent_run_id if task_run else run_id)
        if run is None:
            raise HTTPException(404, f"Run {run_id} has been deleted")
        shown = [task_run] if task_run else self._store.task_runs(run.run_id)
        return HTMLResponse(
            _PAGES.get_template("run_page.html").render(
                run=run,
                name=run_name(run),
                parameters=job_parameters(run),
                attempts=[(task, *tail(self._processes.log_file(task.run_id), _LONGEST_LOG)) for task in shown],
                time=_time,
            ),
            headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
        )


def _time(ms: int | None) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if ms else "–"
