#!/usr/bin/env bash
# Makes two environments of a version of Airflow whose constraints are in locks/:
#   .tools/airflow-VERSION/tests   what .venv has, with that Airflow
#   .tools/airflow-VERSION/mwaa    Airflow, then requirements.txt, by pip as MWAA installs it, and nothing else; the
#                                  seconds that requirements.txt took are in install_seconds beside it
# Run again, it does only what has changed. Once local/install.sh has run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly VERSION=${1:?which version of Airflow?}
readonly SELF=local/airflow_environment.sh CONSTRAINTS="locks/constraints-airflow-$VERSION-py3.12.txt" FOLDER=".tools/airflow-$VERSION"
readonly UV=.tools/uv/bin/uv

die() { printf 'airflow_environment: %s\n' "$*" >&2; exit 1; }

changed() { # changed NAME FILE...: true unless the files are as they were when NAME was made
    [ "$(cat "$FOLDER/$1.stamp" 2>/dev/null)" != "$(cat "${@:2}" | sha256sum)" ]
}
done_with() { cat "${@:2}" | sha256sum >"$FOLDER/$1.stamp"; }

make_tests() {
    changed tests locks/airflow.in locks/airflow.lock requirements.txt "$CONSTRAINTS" || return 0
    echo "  $FOLDER/tests"
    sed "s|^apache-airflow\[postgres\]==.*|apache-airflow[postgres]==$VERSION|; s|^-r \.\./|-r $PWD/|" \
        locks/airflow.in >"$FOLDER/tests.in"
    # What this Airflow's constraints do not name is as in .venv.
    .venv/bin/python -m local.other_pins "$CONSTRAINTS" locks/airflow.lock >"$FOLDER/tests.pins"
    "$UV" venv --quiet --clear --python .venv/bin/python "$FOLDER/tests"
    VIRTUAL_ENV="$PWD/$FOLDER/tests" "$UV" pip install --quiet -r "$FOLDER/tests.in" -c "$CONSTRAINTS" -c "$FOLDER/tests.pins"
    done_with tests locks/airflow.in locks/airflow.lock requirements.txt "$CONSTRAINTS"
}

make_mwaa() {
    changed mwaa requirements.txt "$CONSTRAINTS" "$SELF" || return 0
    echo "  $FOLDER/mwaa"
    "$UV" venv --quiet --clear --seed --python .venv/bin/python "$FOLDER/mwaa"
    # Without the cache, as on a machine that has just been started.
    local install=("$FOLDER/mwaa/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check
        "apache-airflow==$VERSION" -c "$CONSTRAINTS")
    # MWAA's image has this, and more, before it begins with requirements.txt.
    "${install[@]}"
    local began=$SECONDS
    "${install[@]}" -r requirements.txt
    echo $((SECONDS - began)) >"$FOLDER/install_seconds"
    done_with mwaa requirements.txt "$CONSTRAINTS" "$SELF"
}

[ -f "$CONSTRAINTS" ] || die "there is no $CONSTRAINTS: add Airflow's own for $VERSION, or name a version of $(ls locks/constraints-airflow-*)"
[ -x "$UV" ] || die "local/install.sh has not run: run make install"
mkdir -p "$FOLDER"
exec 9>"$FOLDER/lock"
flock 9
make_tests
make_mwaa
