#!/bin/sh
# Shows the queue of jobs in the running system's database. RETRY=number: a job that is dead or was cancelled
# waits again; DROP=number: it is deleted, whatever it is at. all-dead: all of those.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=spawn/system.sh
. "$PWD/spawn/system.sh"

[ -z "${RETRY-}" ] || [ -z "${DROP-}" ] || fail "RETRY=$RETRY, and DROP=$DROP: one of them is wanted"
check_owner ""
running_settings
cd "$RUN_DIR" || exit
has_database
if [ -n "${RETRY-}" ]; then
	run_program "$NAME" --job-retry "$RETRY"
elif [ -n "${DROP-}" ]; then
	run_program "$NAME" --job-drop "$DROP"
else
	run_program "$NAME" --jobs
fi
