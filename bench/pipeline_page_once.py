"""Makes the page *Pipeline* twice, as Airflow's API server does, and prints how long each took as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime, timedelta


def main() -> None:
    """Measure from the request to the HTML, with the modules imported as in a server that has started."""
    from pinpipe_airflow.page import app, rendering, view  # noqa: F401 - as the plugin imports it
    from pinpipe_airflow.page.pipeline import pipeline

    def page() -> tuple[float, int]:
        began = time.perf_counter()
        source = pipeline()
        shown = view.overview(
            source.looks(),
            view.Viewer(samples=True),
            now=datetime.now(UTC),
            settle=source.settle,
            stalled_after=timedelta(minutes=5),
            sink_rotates=timedelta(minutes=1),
        )
        rendering.render_overview(shown, root="../", pipeline_id="bench", env="bench")
        return time.perf_counter() - began, sum(cell.summary is not None for cell in shown.cells)

    first, days_in_first = page()
    while (again := page())[1] == 0:
        time.sleep(0.05)
    print(json.dumps({"first": first, "next": again[0], "days_in_first": days_in_first, "days_in_next": again[1]}))
    sys.stdout.flush()
    os._exit(0)  # without waiting for services that do not answer


if __name__ == "__main__":
    main()
