#!/usr/bin/env bash
# Resolves locks/mwaa-airflow-3.2.1.in into constraints as Airflow 3.2.1's own were resolved: on 21 April 2026, from
# what had then been published for four days, and from Airflow's own packages of the release.
# https://raw.githubusercontent.com/apache/airflow/constraints-3.2.1/constraints-3.12.txt is that file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly RESOLVED=2026-04-17T00:39:47Z RELEASED=2026-04-23T00:00:00Z
released=()
for package in apache-airflow{,-core,-task-sdk} apache-airflow-providers-{amazon,apache-kafka,celery,common-compat,common-io,common-sql,databricks,fab,http,postgres,smtp,standard}; do
    released+=(--exclude-newer-package "$package=$RELEASED")
done
{
    echo "# Resolved by local/compile_constraints.sh from locks/mwaa-airflow-3.2.1.in: the part of Airflow 3.2.1's own"
    echo "# constraints for Python 3.12 that this project installs."
    .tools/uv/bin/uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --python-version 3.12 \
        --exclude-newer "$RESOLVED" "${released[@]}" locks/mwaa-airflow-3.2.1.in
} >locks/constraints-airflow-3.2.1-py3.12.txt.new
mv locks/constraints-airflow-3.2.1-py3.12.txt{.new,}
