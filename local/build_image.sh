#!/usr/bin/env bash
# Builds the Dockerfile by whichever engine there is: build_image.sh TAG [ARGUMENT FOR THE ENGINE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tag=$1
shift
for engine in docker podman buildah; do
    # A client of Docker may be there without its engine.
    if command -v "$engine" >/dev/null && "$engine" info >/dev/null 2>&1; then
        # Docker's own format knows health checks, which OCI's does not.
        [ "$engine" = docker ] || set -- --format docker "$@"
        exec "$engine" build --tag "$tag" --file Dockerfile "$@" .
    fi
done
printf 'build_image: neither docker, podman nor buildah is there and works: install one of them, or start it\n' >&2
exit 1
