#!/usr/bin/env bash
# All checks, from quick to slow; ends with pytest's summary. Own state folder and ports: a user's world is not touched.
# `run.sh long` runs those alone that take minutes each, `run.sh faults` all faults, `run.sh soak` a soak,
# `run.sh screenshots` those that take the docs' pictures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset "${!AIRFLOW@}" "${!PINPIPE_API@}" PINPIPE_ENV PINPIPE_HOME PINPIPE_SOURCE_URL PYTHONPATH SPARK_HOME PYSPARK_PYTHON AWS_ENDPOINT_URL
export PINPIPE_PORT_OFFSET=${PINPIPE_TEST_PORT_OFFSET:-1000} AIRFLOW_HOME="$PWD/.pinpipe-test-unit"

step() { printf '\n== %s (%s)\n' "$1" "$(date +%H:%M:%S)"; }

spark_tests=(env PYTHONPATH=. PYSPARK_PYTHON="$PWD/.venv-spark/bin/python" SPARK_LOCAL_IP=127.0.0.1
    .venv-spark/bin/python -m pytest -q -p no:cacheprovider --durations=15 tests/integration/spark_jobs)

clean_up() {
    [ -z "${spark:-}" ] || kill "$spark" 2>/dev/null || true
    rm -f "${spark_log:-}"
    PINPIPE_HOME="$PWD/.pinpipe-test" .venv/bin/pinpipe down >/dev/null 2>&1 || true
}
trap clean_up EXIT

case "${1:-}" in
long)
    step "long tests of Spark jobs"
    "${spark_tests[@]}" -m long
    step "long integration and end-to-end tests"
    .venv/bin/python -m pytest --ignore=tests/integration/spark_jobs --durations=15 -m long tests/integration tests/e2e
    exit
    ;;
faults)
    step "faults"
    .venv/bin/python -m pytest --durations=0 --durations-min=1 -rP -m "not soak" tests/faults
    exit
    ;;
screenshots)
    step "pictures for the docs"
    .venv/bin/python -m pytest --durations=15 tests/e2e/test_browser.py
    exit
    ;;
soak)
    step "soak"
    .venv/bin/python -m pytest -s -m soak tests/faults
    exit
    ;;
esac

step "lint and types"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
tests/bandit.sh
.venv/bin/mypy plugins/pinpipe_airflow include spark_jobs emulator local pinpipe_cli bench

# Spark's tests compute, and those beside them wait: side by side they take little longer than either.
spark_log=$(mktemp)
"${spark_tests[@]}" -m "not long" >"$spark_log" 2>&1 &
spark=$!

step "unit tests, beside them Spark jobs on a real Spark session"
# Three at once even on two cores: they wait for time-outs and retries more than they compute.
.venv/bin/python -m pytest --numprocesses 3 -q -p no:cacheprovider tests/unit

step "the files as MWAA has them"
.venv/bin/python -m pytest -q -p no:cacheprovider tests/layout

step "DAGs and integration tests"
.venv/bin/python -m pytest --ignore=tests/integration/spark_jobs --durations=15 -m "not long" tests/dags tests/integration

step "what the tests of the Spark jobs said"
wait "$spark" || spark_failed=$?
spark=
cat "$spark_log"
[ -z "${spark_failed:-}" ] || exit "$spark_failed"

step "end-to-end tests, and each component killed at its worst moment"
# In one world, and in this order: what is killed last does not come back as it was.
.venv/bin/python -m pytest --durations=15 -m "not long and not matrix and not fault and not soak" tests/e2e tests/faults
