#!/usr/bin/env bash
# Unit, DAG and layout tests on another version of Airflow: `run_airflow.sh 3.2.1`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset "${!AIRFLOW@}" "${!PINPIPE_API@}" PINPIPE_ENV PINPIPE_HOME PINPIPE_SOURCE_URL PYTHONPATH
readonly VERSION=$1 FOLDER="$PWD/.tools/airflow-$1"

step() { printf '\n== %s (%s)\n' "$1" "$(date +%H:%M:%S)"; }

step "Airflow $VERSION: environments"
local/airflow_environment.sh "$VERSION"

# The checkout is not installed there, as it is in .venv; nor is anybody's home of Airflow shared with another version.
export PYTHONPATH="$PWD:$PWD/plugins" AIRFLOW_HOME="$PWD/.pinpipe-test-$VERSION"
pytest=("$FOLDER/tests/bin/python" -m pytest -q -p no:cacheprovider)

step "the files as MWAA has them, and nothing but requirements.txt"
LAYOUT_PYTHON="$FOLDER/mwaa/bin/python" LAYOUT_INSTALL_SECONDS="$FOLDER/install_seconds" LAYOUT_AIRFLOW=$VERSION \
    "${pytest[@]}" -rP tests/layout

step "unit tests and DAGs"
# GitHub's workflows are the same whatever the version, and what reads them wants newer packages than an older one allows.
"${pytest[@]}" --numprocesses 3 --ignore=tests/unit/github tests/unit tests/dags
