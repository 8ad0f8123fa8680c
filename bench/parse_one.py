"""Parses one DAG file in a fork, as the DAG processor does, and prints what that cost as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from bench.parsing import MARK


def main(file: str) -> int:
    """Import what the DAG processor has imported, then fork, parse and serialise; return the exit status."""
    import airflow.dag_processing.manager  # noqa: F401 - whose process is forked
    import structlog
    from airflow.dag_processing import processor

    log = structlog.get_logger(logger_name="bench")
    print(MARK, file=sys.stderr, flush=True)
    began = time.process_time()
    processor._pre_import_airflow_modules(file, log)
    once_cpu_s = time.process_time() - began
    print(MARK, file=sys.stderr, flush=True)
    for other in sorted(Path(file).parent.glob("*.py")):  # they have gone before in a DAG processor that runs
        processor._pre_import_airflow_modules(str(other), log)
    print(MARK, file=sys.stderr, flush=True)
    reading, writing = os.pipe()
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "client"
        request = processor.DagFileParseRequest(file=file, bundle_path=Path(file).parent, bundle_name="bench")
        result = processor._parse_file(request, log)
        found = [] if result is None else [dag.dag_id for dag in result.serialized_dags]
        errors = {} if result is None else dict(result.import_errors or {})
        os.write(writing, json.dumps({"dags": found, "errors": errors}).encode())
        sys.stderr.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        parsed = json.load(told)
    _, _, usage = os.wait4(child, 0)
    if parsed["errors"] or not parsed["dags"]:
        print(f"{file} does not parse: {parsed}", file=sys.stderr)
        return 1
    cost = {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
        "wall_s": round(time.perf_counter() - started, 3),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "airflow_imports_once_cpu_s": round(once_cpu_s, 3),
    }
    print(json.dumps({"dags": parsed["dags"], **cost}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
