#!/usr/bin/env bash
# Bandit over everything: no issue of any severity but what pyproject.toml and tests/bandit.yaml give a reason for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
BANDIT=${BANDIT:-.venv/bin/bandit}

clean() { # clean CONFIG FOLDER...; without what it says of lines of an excused statement that it has nothing to say of
    "$BANDIT" --quiet --configfile "$1" --recursive "${@:2}" \
        2> >(grep -v 'nosec encountered (B[0-9]*), but no failed test' >&2)
}

clean pyproject.toml bench dags emulator include local pinpipe_cli plugins spark_jobs
clean tests/bandit.yaml tests
