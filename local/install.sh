#!/usr/bin/env bash
# Installs what the project needs into the checkout: .tools (uv, jars), .venv, .venv-spark; Java, Maven and a browser
# by the system's package manager where they are missing. Run again, it does only what has changed.
#   local/install.sh            what the local world needs
#   local/install.sh --tests    Chromium and its driver, MariaDB's programs, a C compiler and iproute2 too
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export TOOLS="$PWD/.tools"
readonly MINIMUM_FREE_KIB=$((5 * 1024 * 1024))

say() { printf '%s\n' "$*"; }
die() { printf 'install: %s\n' "$*" >&2; exit 1; }

# --- who may install system packages ----------------------------------------------------------------------------
apt_install() { # apt_install WHY PACKAGE...
    local why=$1
    shift
    command -v apt-get >/dev/null || die "$why. Install by your package manager what Debian calls: $*"
    local as=()
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || die "$why. Run: sudo apt-get install $*"
        as=(sudo -n)
    fi
    say "  installing $* ($why)"
    "${as[@]}" apt-get -qq -o DPkg::Lock::Timeout=300 update >"$TOOLS/apt.log" 2>&1 || die "apt-get update failed: see $TOOLS/apt.log"
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 install "$@" >>"$TOOLS/apt.log" 2>&1 ||
        die "apt-get install $* failed: see $TOOLS/apt.log"
}

# --- Python 3.12: the constraints of Airflow resolve on no other --------------------------------------------------
is_312() { [ "$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = 3.12 ]; }

find_python() {
    local candidate
    for candidate in "$(command -v python3.12 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python; do
        # pyenv's shim is on PATH but fails unless 3.12 is selected: ask each candidate what it is.
        if [ -x "$candidate" ] && is_312 "$candidate"; then
            "$candidate" -c 'import os, sys; print(os.path.realpath(sys.executable))'
            return
        fi
    done
    "$TOOLS/uv/bin/uv" python find --no-project 3.12 2>/dev/null && return
    say "  installing Python 3.12 by uv" >&2
    "$TOOLS/uv/bin/uv" python install --quiet 3.12 >&2 ||
        die "Python 3.12 is missing and could not be downloaded: install it (Debian/Ubuntu: python3.12, or pyenv install 3.12)"
    "$TOOLS/uv/bin/uv" python find --no-project 3.12
}

install_uv() {
    local wanted
    wanted="uv $(sed -n 's/^uv==\([0-9.]*\).*/\1/p' locks/uv.lock)"
    case "$("$TOOLS/uv/bin/uv" --version 2>/dev/null || true)" in "$wanted"*) return ;; esac
    local python
    for python in python3.12 python3 python; do
        command -v "$python" >/dev/null && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null && break
        python=
    done
    [ -n "$python" ] || apt_install "there is no Python to start with" python3-venv && python=${python:-python3}
    rm -rf "$TOOLS/uv"
    "$python" -m venv "$TOOLS/uv" >/dev/null 2>&1 || {
        apt_install "Python's venv module is missing" python3-venv
        "$python" -m venv "$TOOLS/uv"
    }
    "$TOOLS/uv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.lock ||
        die "uv could not be installed by pip: is the package index reachable?"
}

# --- environments and jars, each redone when what it is made from has changed -------------------------------------
changed() { # changed STAMP FILE...: true unless the files are as they were when STAMP was made
    local stamp="$TOOLS/stamps/$1"
    shift
    [ "$(cat "$stamp" 2>/dev/null)" != "$(cat "$@" | sha256sum)" ]
}
done_with() { # done_with STAMP FILE...
    local stamp="$TOOLS/stamps/$1"
    shift
    mkdir -p "$TOOLS/stamps"
    cat "$@" | sha256sum >"$stamp"
}

make_environment() { # make_environment FOLDER LOCK
    if [ -x "$1/bin/python" ] && is_312 "$1/bin/python" && ! changed "$1" "$2" pyproject.toml; then return; fi
    say "  $1: $(grep -c '^[a-z0-9]' "$2") packages"
    { [ -x "$1/bin/python" ] && is_312 "$1/bin/python"; } || "$TOOLS/uv/bin/uv" venv --quiet --clear --python "$PYTHON" "$1"
    VIRTUAL_ENV="$PWD/$1" "$TOOLS/uv/bin/uv" pip sync --quiet --require-hashes "$2" ||
        die "the packages of $2 could not be installed: see above"
    if [ "$1" = .venv ]; then # the command `pinpipe`, run from the checkout itself
        VIRTUAL_ENV="$PWD/$1" "$TOOLS/uv/bin/uv" pip install --quiet --no-deps --no-build-isolation --editable .
    fi
    done_with "$1" "$2" pyproject.toml
}

fetch_jars() { # fetch_jars NAME
    local pom="local/jars/$1/pom.xml" folder="$TOOLS/jars/$1"
    if [ -d "$folder" ] && ! changed "jars-$1" "$pom"; then return; fi
    command -v mvn >/dev/null || apt_install "Maven is missing" maven
    say "  jars for $1"
    rm -rf "$folder" "$folder.new"
    mvn --quiet --batch-mode --file "$pom" dependency:copy-dependencies "-DoutputDirectory=$folder.new" ||
        die "Maven could not fetch the jars of $pom: see above"
    mv "$folder.new" "$folder"
    done_with "jars-$1" "$pom"
}

archive_classes() { # an archive is good for one Java, one set of jars, and the folder that they are in
    local about="$TOOLS/classes.txt" archive="$TOOLS/jars/spark-classes.jsa"
    { pwd && java -version; } >"$about" 2>&1
    if [ -f "$archive" ] && ! changed classes "$about" local/jars/spark/pom.xml locks/spark.lock; then return; fi
    say "  archive of Spark's classes: half a minute, once"
    if .venv/bin/python -m local.class_archive >"$TOOLS/classes.log" 2>&1; then
        done_with classes "$about" local/jars/spark/pom.xml locks/spark.lock
    else
        say "  without the archive each job starts some seconds later: see $TOOLS/classes.log"
    fi
}

has_mariadb() { # Debian keeps the server itself in a folder that only root's PATH names
    PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null &&
        command -v mariadb-install-db >/dev/null && command -v my_print_defaults >/dev/null
}

java_major() { java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p'; }

install_all() {
    local free
    free=$(df -Pk . | awk 'NR == 2 {print $4}')
    if [ ! -d .venv-spark ] && [ "$free" -lt "$MINIMUM_FREE_KIB" ]; then
        die "$((free / 1024)) MiB are free in $PWD, 5 GiB are needed: make room, or clone the project to another disk"
    fi
    say "[1/4] Python and uv"
    install_uv
    PYTHON=$(find_python)
    say "[2/4] Java 17"
    case "$(java_major || true)" in
        17 | 21) ;;
        "") apt_install "Java is missing" openjdk-17-jre-headless ;;
        *) die "Spark 4 needs Java 17 or 21, 'java -version' says $(java_major): put one of them first on PATH" ;;
    esac
    say "[3/4] environments"
    make_environment .venv locks/airflow.lock
    make_environment .venv-spark locks/spark.lock
    say "[4/4] jars"
    fetch_jars kafka
    fetch_jars spark
    archive_classes
    if [ "${1:-}" = --tests ]; then
        command -v chromium >/dev/null && command -v chromedriver >/dev/null ||
            apt_install "the browser test needs it" chromium chromium-driver
        # The programs alone: the package mariadb-server would make a system user and start a server.
        has_mariadb || apt_install "the tests of source databases need it" mariadb-server-core mariadb-client-core
        command -v cc >/dev/null && command -v ip >/dev/null ||
            apt_install "the tests of faults need them" gcc libc6-dev iproute2
    fi
}

mkdir -p "$TOOLS"
command -v flock >/dev/null || die "flock is missing: install util-linux"
exec 9>"$TOOLS/install.lock"
flock --nonblock 9 || {
    say "another installation is running in this checkout: waiting for it"
    flock --wait 1800 9 || die "the other installation did not end within 30 minutes"
}
install_all "$@"
say "installed"
