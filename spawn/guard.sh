#!/bin/sh
# guard.sh PID: waits for the end of the run.sh that has this pid, and then stops its system, unless
# that was done.
# shellcheck source=spawn/common.sh
. "$(dirname "$0")/common.sh"

await_end "$1" 1
[ "$(cat "$RUN_DIR/pids/run.pid" 2>/dev/null)" != "$1" ] || exec spawn/stop.sh
