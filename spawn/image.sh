#!/bin/sh
# Builds the image (Containerfile), with podman or docker, whichever is there. IMAGE: its name; BASE: the Debian
# that it stands on; IMAGE_OPTIONS: further ones for the build, such as "--network host".
set -eu
CDPATH='' cd "$(dirname "$0")/.."
set -- build --file spawn/Containerfile --tag "${IMAGE:-lanes}" ${BASE:+--build-arg "BASE=$BASE"}
if command -v podman >/dev/null; then
	# Its own format has no HEALTHCHECK.
	set -- podman "$@" --format docker --ignorefile spawn/Containerfile.dockerignore
elif command -v docker >/dev/null; then
	set -- docker "$@"
else
	echo 'podman or docker is wanted' >&2
	exit 1
fi
# shellcheck disable=SC2086 # words
exec "$@" ${IMAGE_OPTIONS:-} .
