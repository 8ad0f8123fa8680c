#!/usr/bin/env bash
# Resolves locks/*.in into locks with hashes; Airflow's environment keeps to Airflow's own constraints.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compile() { .tools/uv/bin/uv pip compile --quiet --no-header --no-emit-index-url --generate-hashes --python-version 3.12 "$@"; }
compile locks/airflow.in -c locks/constraints-airflow-3.3.1-py3.12.txt -o locks/airflow.lock
compile locks/spark.in -o locks/spark.lock
compile locks/uv.in -o locks/uv.lock
